import Torch

extension GradientRule {
    /// Moves the parameters by one step, or leaves them and all that the rule remembers as they are.
    ///
    /// - Throws: ``StepRejection`` where the step would not be finite and there are guards; ``OptimizerError``.
    func update(
        _ gradients: [Tensor], of parameters: [NamedParameter], step: Int, report: inout StepReport, guards: Guards
    ) throws {
        guard guards.isOn else { return try update(gradients, step: step, report: &report) }
        // What single precision does not have, tensors cannot even be multiplied by.
        guard parameters.allSatisfy({ abs(learningRate(step)) <= $0.tensor.dtype.greatestRoot }) else {
            throw StepRejection(reason: .updateNotFinite(layers: parameters.map(\.name)), report: report)
        }
        // A copy of everything costs more than the step itself, and settings that need it are rare.
        let restore = isBounded(atStep: step) ? nil : restorePoint()
        let values = parameters.map(\.tensor)
        let copies = restore.map { _ in values.map { $0.detached().copy() } }
        do { try update(gradients, step: step, report: &report) } catch {
            guard let reason = RejectionReason(error) else { throw error }
            throw StepRejection(reason: reason, report: report)
        }
        guard let restore, let copies, let names = unusable(values.map { $0.detached() }, of: parameters) else {
            return
        }
        for (value, copy) in zip(values, copies) { value.assign(copy) }
        restore()
        throw StepRejection(reason: .updateNotFinite(layers: names), report: report)
    }
}

extension [[Tensor]] {
    /// What writes the elements that the tensors have now into their memory again.
    func restorePoint() -> () -> Void {
        let pairs = joined().map { (tensor: $0, copy: $0.copy()) }
        return { for (tensor, copy) in pairs { tensor.assign(copy) } }
    }
}
