import Optimization
import Torch

extension KFACOptimizer {
    /// Does a step without its last part: statistics, gradient and inverses, and nothing moves.
    ///
    /// - Returns: What is known of the step, and the gradients of the objective; none where a guard rejected the batch.
    func updateCurvature(_ loss: () throws -> Loss) throws -> (StepReport, gradients: [Tensor.ID: Tensor]?) {
        try gate.run("KFACPreconditioner.update") {
            try checkingMemory(ofStep: stepCount, remedies: [.smallerBatch, .dimensionLimit], restore: replacePoint()) {
                try attemptUpdate(loss)
            }
        }
    }

    private func attemptUpdate(_ loss: () throws -> Loss) throws -> (StepReport, gradients: [Tensor.ID: Tensor]?) {
        watch.begin()
        var report: StepReport
        var gradients: [Tensor.ID: Tensor]?
        do {
            var pass = try pass(over: Batch(parts: 1, canRunShares: false)) { _ in
                try checkingBatch(step: stepCount, loss)
            }
            try rejectingNumericalErrors(&pass) { pass in
                try withoutGradients { try updateInverses(&pass.report) }
            }
            pass.report.inverses = preconditioner.status(of: layers.blocks, atStep: updateCount)
            pass.report.refreshedInverses = pass.report.inverses.count { $0.isNew }
            let others = firstOrder?.parameters ?? []
            gradients = Dictionary(
                uniqueKeysWithValues: zip(
                    (parameters + others).map(\.tensor.id), pass.gradient + pass.firstOrderGradient
                )
                .compactMap { id, gradient in gradient.map { (id, $0) } })
            report = try watch.finish(pass.report, configuration.guards)
        } catch let rejection as StepRejection {
            report = try watch.reject(rejection, configuration.guards)
        }
        stepCount.countOn()
        return (report, gradients)
    }
}
