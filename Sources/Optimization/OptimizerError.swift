import Curvature
public import Torch

/// Why a step could not be done.
public enum OptimizerError: DescribedError {
    /// The loss is infinite or NaN.
    case lossNotFinite(step: Int)
    /// The data of a batch, or of one of the parts that it is given in, cannot be used.
    case invalidBatch(step: Int, part: Int?, fault: DataFault)
    /// None of the parameters, of these names, requires a gradient.
    case nothingToMove([String])
    /// The loss depends on none of the parameters that require a gradient, by name.
    case unreachedParameters([String])
    /// Parameters that the objective depends on by terms without curvature only, by name.
    case noCurvature([String])
    /// Choices for layers name what is not there.
    case unknownNames([String])
    /// There was not enough memory for an operation of the step; what makes it need less.
    ///
    /// The parameters are as before, unless ``/Torch/MemoryFault/hasWritten`` says that some had been moved. Running
    /// averages and what a method remembers may have taken the batch in for some layers: to go on as if the step had
    /// not been, load a state and the parameters.
    case memoryRanOut(step: Int, fault: MemoryFault, remedies: [MemoryRemedy])
    /// A factor could not be inverted.
    case inversionFailed(layer: String, step: Int, LinearAlgebraError)
    /// The quadratic model has no finite minimum.
    case quadraticModelFailed(step: Int)
    /// A root or an eigenbasis of a parameter's second moments, or of a layer's curvature, could not be found.
    case preconditionerFailed(parameter: String, step: Int, LinearAlgebraError)
    /// More steps in a row were rejected than ``Guards/maximumRejections`` allows; the reason is the last one's.
    case stepsRejected(count: Int, step: Int, reason: RejectionReason)

    /// Whether the data of a batch are to blame.
    package var isOfData: Bool { if case .invalidBatch = self { true } else { false } }

    private static let rejectionAdvice =
        "lower the learning rate, raise the damping if there is one, or look at the data and the initial weights"

    public var description: String {
        switch self {
        case .lossNotFinite(let step):
            "the loss is not finite at step \(step): lower the learning rate, or raise the damping if there is one"
        case .invalidBatch(let step, let part, let fault):
            "the batch of step \(step)\(part.map { ", in part \($0)," } ?? "") cannot be used: \(fault); fix its data or "
                + "skip this batch"
        case .nothingToMove([]): "the optimizer was given no parameters: there is nothing to move"
        case .nothingToMove(let names):
            "none of \(names.joined(separator: ", ")) requires a gradient: there is nothing to move; call "
                + "requiringGradient() on what is to be optimised"
        case .unreachedParameters(let names):
            "the loss does not depend on \(names.joined(separator: ", ")): use them in the model or leave them out"
        case .noCurvature(let names):
            "only terms without curvature depend on \(names.joined(separator: ", ")): name what they belong to in "
                + "LayerChoices.firstOrder, so that the first-order rule moves it"
        case .unknownNames(let names):
            "no parameter or module is named \(names.map { "'\($0)'" }.joined(separator: ", ")): use the name of a "
                + "parameter, or of a module that contains it"
        case .memoryRanOut(let step, let fault, let remedies):
            "there is not enough memory for step \(step): \(fault)"
                + (fault.hasWritten ? ", after some parameters had been moved: go on from a checkpoint, and " : "; ")
                + remedies.map(\.description).joined(separator: ", ")
        case .inversionFailed(let layer, let step, let error):
            "the curvature of \(layer) could not be inverted at step \(step): \(error); raise the damping"
        case .quadraticModelFailed(let step):
            "the quadratic model has no finite minimum at step \(step): raise the damping"
        case .preconditionerFailed(let parameter, let step, let error):
            "the preconditioner of \(parameter) could not be found at step \(step): \(error); lower the learning rate"
        case .stepsRejected(let count, let step, let reason):
            count == 1
                ? "step \(step) was rejected, as \(reason): \(Self.rejectionAdvice)"
                : "\(count) steps in a row were rejected, the last one, step \(step), as \(reason): "
                    + Self.rejectionAdvice
        }
    }
}
