import Curvature

/// Why a step was rejected.
public enum RejectionReason: Sendable, Hashable, Codable {
    /// The loss is infinite or NaN.
    case lossNotFinite
    /// The gradients of these parameters have elements that are infinite, NaN or too large to be squared.
    case gradientNotFinite(parameters: [String])
    /// The directions of these layers or parameters have such elements.
    case updateNotFinite(layers: [String])
    /// The objective after the step is infinite or NaN; only seen by methods that look at it.
    case objectiveNotFinite
    /// The batch is of quite another scale than all before, in what these layers see of it.
    case batchImplausible(layers: [String])
    /// The quadratic model has no finite minimum.
    case quadraticModelFailed
    /// A root or an eigenbasis of a parameter's second moments could not be found.
    case preconditionerFailed(parameter: String)

    /// The reason that an error gives; nil for errors that are the caller's.
    package init?(_ error: OptimizerError) {
        switch error {
        case .lossNotFinite: self = .lossNotFinite
        case .quadraticModelFailed: self = .quadraticModelFailed
        case .preconditionerFailed(let parameter, _, _): self = .preconditionerFailed(parameter: parameter)
        default: return nil
        }
    }
}

extension RejectionReason: CustomStringConvertible {
    /// A clause that fits behind "as".
    public var description: String {
        switch self {
        case .lossNotFinite: "the loss is not finite"
        case .gradientNotFinite(let names):
            "the gradient of \(list(names)) is not finite or too large to be squared"
        case .updateNotFinite(let names): "the update of \(list(names)) is not finite or too large to be squared"
        case .objectiveNotFinite: "the loss after it is not finite"
        case .batchImplausible(let names):
            "the batch is of another scale than all before, in \(list(names))"
        case .quadraticModelFailed: "the quadratic model has no finite minimum"
        case .preconditionerFailed(let name): "the preconditioner of \(name) could not be found"
        }
    }

    /// The first names, and how many others there are.
    private func list(_ names: [String]) -> String {
        guard names.count > 4 else { return names.joined(separator: ", ") }
        return names.prefix(3).joined(separator: ", ") + " and \(names.count - 3) more"
    }
}

/// Ends a step of which nothing may remain; caught by the optimiser itself.
package struct StepRejection: Error {
    package let reason: RejectionReason
    /// The report of the step so far.
    package let report: StepReport

    package init(reason: RejectionReason, report: StepReport) {
        self.reason = reason
        self.report = report
    }
}
