public import Torch

/// A module that draws random numbers while it runs.
///
/// Its generator is part of the state, so that a run that was interrupted goes on as if it had not been.
public protocol StochasticModule: Module {
    /// The source of the random numbers.
    var generator: RandomGenerator { get set }
}
