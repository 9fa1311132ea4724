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
    /// - Parameter loss: Runs the model on the batch; called once, with gradients recorded.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before.
    @discardableResult
    func step(_ loss: () throws -> Loss) throws -> StepReport
}

/// Why a step could not be done.
public enum OptimizerError: Error, CustomStringConvertible {
    /// The loss is infinite or NaN.
    case lossNotFinite(step: Int)
    /// Parameters that the loss does not depend on, by name.
    case unreachedParameters([String])
    /// Parameters that no operation with a known curvature uses, by name.
    case parametersWithoutBlock([String])
    /// A factor could not be inverted.
    case inversionFailed(layer: String, step: Int, LinearAlgebraError)

    public var description: String {
        switch self {
        case .lossNotFinite(let step):
            "the loss is not finite at step \(step): lower the learning rate or raise the damping"
        case .unreachedParameters(let names):
            "the loss does not depend on \(names.joined(separator: ", ")): use them in the model or leave them out"
        case .parametersWithoutBlock(let names):
            "no operation with a known curvature uses \(names.joined(separator: ", ")): apply parameters through "
                + "linear, convolution or scaleAndShift, or optimise them otherwise"
        case .inversionFailed(let layer, let step, let error):
            "the curvature of \(layer) could not be inverted at step \(step): \(error); raise the damping"
        }
    }
}
