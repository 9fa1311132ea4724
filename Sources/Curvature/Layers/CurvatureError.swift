public import Torch

/// Why the curvature of a model cannot be found or kept.
public enum CurvatureError: DescribedError {
    /// The loss depends on none of the parameters, by name.
    case unreachedParameters([String])
    /// None of the parameters, by name, requires a gradient.
    case nothingToDifferentiate([String])
    /// Choices for layers name what is not there.
    case unknownNames([String])
    /// An approximation was chosen for a layer that cannot have it.
    case approximationNotPossible(String, LayerKind, Approximation)
    /// An approximation needs each example's gradient of a layer, but the axis of the examples is not known.
    case examplesNotFound(String, Approximation)
    /// Parameters are used in another way than in the first batch.
    case usesChanged([String])
    /// The curvature of all layers takes more bytes of memory than this process can have; the largest factors.
    case memoryExceeded(needed: Int, available: Int, largest: [FactorMemory])
    /// The loss of a batch is infinite or NaN.
    case lossNotFinite
    /// There are no statistics of any batch.
    case noStatistics
    /// There was not enough memory for an operation.
    case memoryRanOut(MemoryFault)
    /// The damped curvature of a layer could not be inverted.
    case inversionFailed(layer: String, LinearAlgebraError)

    public var description: String {
        switch self {
        case .unreachedParameters(let names):
            "the loss does not depend on \(names.joined(separator: ", ")): use them in the model or leave them out"
        case .nothingToDifferentiate(let names):
            "none of \(names.joined(separator: ", ")) requires a gradient: there is nothing to find the curvature of; call "
                + "requiringGradient() on the parameters"
        case .unknownNames(let names):
            "no parameter or module is named \(names.map { "'\($0)'" }.joined(separator: ", ")): use the name of a "
                + "parameter, or of a module that contains it"
        case .approximationNotPossible(let layer, let kind, let approximation):
            "\(layer), of the kind \(kind), cannot be approximated by \(approximation): choose another approximation"
        case .examplesNotFound(let layer, let approximation):
            "\(approximation) of \(layer) needs each example's gradient, but no axis, or more than one, could be that of the "
                + "examples: put the batch first, state the axis of the examples in LayerChoices.batchAxes, or choose "
                + "another approximation"
        case .usesChanged(let names):
            "\(names.joined(separator: ", ")) had another use in the first step: curvature is averaged over uses of "
                + "one kind; make a new optimiser where the model changes"
        case .memoryExceeded(let needed, let available, let largest):
            "the curvature of the layers needs \(bytes(needed)), but this process can have \(bytes(available)); the largest "
                + "factors: \(largest.map(\.description).joined(separator: "; ")): lower FactorSettings.dimensionLimit or "
                + "blockSize, or choose diagonal structures or first-order rules for these layers (LayerChoices)"
        case .lossNotFinite:
            "the loss of the batch is not finite, and says nothing about the curvature: look at the data"
        case .noStatistics: "the curvature has seen no batch: call update first"
        case .memoryRanOut(let fault):
            "there is not enough memory for the curvature: \(fault); make the batch smaller, or lower "
                + "FactorSettings.dimensionLimit or blockSize"
        case .inversionFailed(let layer, let error):
            "the curvature of \(layer) could not be inverted: \(error); raise the damping"
        }
    }
}
