import Optimization
import Torch

extension KFACOptimizer {
    /// Does a step without its last part: statistics, gradient and inverses, and nothing moves.
    ///
    /// - Returns: What is known of the step, and the gradients of the objective; none where a guard rejected the batch.
    func updateCurvature(_ loss: () throws -> Loss) throws -> (StepReport, gradients: [Tensor.ID: Tensor]?) {
        try gate.run("KFACPreconditioner.update") {
            try checkingMemory(ofStep: stepCount, remedies: [.smallerBatch, .dimensionLimit], restore: replacePoint()) {
                try withoutActuallyEscaping(loss) { loss in
                    let batch = Batch(step: stepCount) { [gate] _ in try gate.runModel(loss) }
                    var gradients: [Tensor.ID: Tensor]?
                    let report = try guarded {
                        var pass = try pass(over: batch)
                        try rejectingNumericalErrors(&pass) { pass in
                            try withoutGradients { try updateInverses(&pass.report) }
                        }
                        reportInverses(&pass.report)
                        gradients = self.gradients(of: pass)
                        return pass.report
                    }
                    return (report, gradients)
                }
            }
        }
    }

    private func gradients(of pass: Pass) -> [Tensor.ID: Tensor] {
        let all = parameters + (firstOrder?.parameters ?? [])
        return Dictionary(
            uniqueKeysWithValues: zip(all, pass.gradient + pass.firstOrderGradient).compactMap { parameter, gradient in
                gradient.map { (parameter.tensor.id, $0) }
            })
    }
}
