/// A module that computes something else in training than in evaluation.
public protocol ModeDependent: Module {
    /// The mode of the module; a new one is in training.
    var mode: ModuleMode { get set }
}
