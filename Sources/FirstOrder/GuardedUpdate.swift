import Optimization
package import Torch

extension GradientRule {
    /// Moves the parameters that have a gradient by one step, or leaves them and all that the rule remembers as they
    /// are.
    ///
    /// - Throws: ``StepRejection`` if the step would not be finite and there are guards; ``OptimizerError``.
    package func update(
        _ gradients: [Tensor?], of parameters: [NamedParameter], step: Int, report: inout StepReport, guards: Guards
    ) throws {
        guard guards.isOn else { return try update(gradients, step: step, report: &report) }
        let moved = gradients.reached.map { parameters[$0.index] }
        // Tensors cannot be multiplied by numbers that single precision lacks.
        guard moved.allSatisfy({ abs(learningRate(step)) <= $0.tensor.dtype.greatestRoot }) else {
            throw StepRejection(reason: .updateNotFinite(layers: moved.map(\.name)), report: report)
        }
        // A copy of everything costs more than the step itself, and settings that need it are rare.
        let restore = isBounded(atStep: step) ? nil : restorePoint()
        let values = moved.map(\.tensor)
        let copies = restore.map { _ in values.map { $0.detached().copy() } }
        try MemoryFault.check()
        func putBack() {
            for (value, copy) in zip(values, copies ?? []) { value.assign(copy) }
            restore?()
        }
        do {
            guard restore != nil else { return try update(gradients, step: step, report: &report) }
            try restoringWithoutMemory(putBack) { try update(gradients, step: step, report: &report) }
        } catch let error as OptimizerError {
            guard let reason = RejectionReason(error) else { throw error }
            throw StepRejection(reason: reason, report: report)
        }
        guard let names = unusable(values.map { $0.detached() }, of: moved) else { return }
        putBack()
        throw StepRejection(reason: .updateNotFinite(layers: names), report: report)
    }
}
