public import Torch

/// Why a batch sampler cannot go on from a state.
public struct BatchSamplerStateError: DescribedError, Hashable {
    /// The fault of the state.
    public let reason: String

    /// One sentence with the reason, and what to do.
    public var description: String {
        "the state is none of a sampler of this data: \(reason): use a state that was saved with the same data"
    }
}
