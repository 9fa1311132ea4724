public import Torch

/// Changes parameters so that a loss falls.
///
/// The loss is a closure that runs the model, not a number or a list of gradients: second-order methods look into the
/// forward pass. All optimisers here take it, so that a loop can compare them.
public protocol Optimizer: AnyObject {
    /// The number of steps done.
    var stepCount: Int { get }

    /// Does one step on one batch.
    ///
    /// A step that is not finite is rejected, and its report says why: see ``Guards``. Data that cannot be used, such as a
    /// label out of range, are an error: ``OptimizerError/invalidBatch(step:part:fault:)``.
    ///
    /// - Parameter loss: Runs the model on the batch, with gradients recorded; called once by methods that need the
    ///   gradient only, and again in the same step by those that look at the loss after it.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before.
    @discardableResult
    func step(_ loss: () throws -> Loss) throws -> StepReport

    /// Does one step on one batch of which parts can be run by themselves.
    ///
    /// Methods that estimate curvature may run the model on a part of the batch besides, as chosen in their
    /// configuration; methods that need the gradient only run it once, on all examples.
    ///
    /// - Parameters:
    ///   - count: The number of examples of the batch, positive.
    ///   - loss: Runs the model on a range of the batch's examples, `0..<count` for all of them.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before.
    @discardableResult
    func step(examples count: Int, _ loss: (_ range: Range<Int>) throws -> Loss) throws -> StepReport

    /// Copies everything that the steps to come depend on, but for the parameters and the configuration.
    ///
    /// An optimiser of the same parameters with the same configuration that ``load(_:)`` takes it goes on as this one
    /// does, bit for bit on the same machine with the same number of threads. Costs a copy of the memory; updates of
    /// inverses in the background are waited for.
    func state() -> Snapshot

    /// Takes over the state of another optimiser; its parameters are to be loaded, too.
    ///
    /// - Throws: ``Torch/SnapshotError`` where the state is that of another method, of other parameters or of another
    ///   configuration; this optimiser is then as before.
    func load(_ state: Snapshot) throws(SnapshotError)
}

extension Optimizer {
    /// Runs the model on all examples.
    @discardableResult
    public func step(examples count: Int, _ loss: (_ range: Range<Int>) throws -> Loss) throws -> StepReport {
        guard count > 0 else { fatalError("\(type(of: self)).step: \(count) examples") }
        return try step { try loss(0..<count) }
    }
}

/// Why a step could not be done.
public enum OptimizerError: Error, CustomStringConvertible {
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
    /// An approximation was chosen for a layer that cannot have it.
    case approximationNotPossible(String, LayerKind, Approximation)
    /// An approximation needs each example's gradient of a layer of which the axis of the examples is not known.
    case examplesNotFound(String, Approximation)
    /// Parameters are used in another way than in the first step.
    case usesChanged([String])
    /// The curvature of all layers takes more bytes of memory than this process can have; the largest factors.
    case memoryExceeded(needed: Int, available: Int, largest: [FactorMemory])
    /// A factor could not be inverted.
    case inversionFailed(layer: String, step: Int, LinearAlgebraError)
    /// The quadratic model has no finite minimum.
    case quadraticModelFailed(step: Int)
    /// A root or an eigenbasis of a parameter's second moments could not be found.
    case preconditionerFailed(parameter: String, step: Int, LinearAlgebraError)
    /// More steps in a row were rejected than ``Guards/maximumRejections`` allows; the reason is the last one's.
    case stepsRejected(count: Int, step: Int, reason: RejectionReason)

    /// Whether the data of a batch are to blame.
    var isOfData: Bool { if case .invalidBatch = self { true } else { false } }

    public var description: String {
        switch self {
        case .lossNotFinite(let step):
            "the loss is not finite at step \(step): lower the learning rate or raise the damping"
        case .invalidBatch(let step, let part, let fault):
            "the batch of step \(step)\(part.map { ", in part \($0)," } ?? "") cannot be used: \(fault); mend its data or "
                + "leave it out"
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
            "no parameter has a name that is or begins with \(names.joined(separator: ", ")): choices for layers need "
                + "names of the model's parameters or of what contains them"
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
        case .inversionFailed(let layer, let step, let error):
            "the curvature of \(layer) could not be inverted at step \(step): \(error); raise the damping"
        case .quadraticModelFailed(let step):
            "the quadratic model has no finite minimum at step \(step): raise the damping"
        case .preconditionerFailed(let parameter, let step, let error):
            "the preconditioner of \(parameter) could not be found at step \(step): \(error); lower the learning rate"
        case .stepsRejected(let count, let step, let reason):
            count == 1
                ? "step \(step) was rejected, as \(reason): lower the learning rate, raise the damping or look at the data"
                : "\(count) steps in a row were rejected, the last one, step \(step), as \(reason): lower the learning rate, "
                    + "raise the damping or look at the data"
        }
    }
}
