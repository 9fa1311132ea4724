import FirstOrder
import Optimization
import Torch

extension KFACOptimizer {
    /// One step, from the model's run to the adapted damping.
    ///
    /// - Throws: ``StepRejection`` beside errors.
    func takeStep(on batch: Batch) throws -> StepReport {
        // The loss, the statistics and the gradient.
        var pass = try pass(over: batch)
        guard stepCount >= configuration.burnIn else {
            pass.report.isBurnIn = true
            return pass.report
        }
        // The inverses, the direction, and how far to go; only the inverses change.
        let backup = looksBack || !pass.firstOrderGradient.reached.isEmpty ? Backup(of: self) : nil
        let proposal = try rejectingNumericalErrors(&pass) { pass in
            try withoutGradients {
                let proposal = try propose(&pass, batch)
                try predictChange(of: proposal, &pass, batch)
                return proposal
            }
        }
        reportInverses(&pass.report)
        try MemoryFault.check()
        // The parameters, and what the damping learns from the objective afterwards.
        let moments = preconditioner.moments
        try apply(proposal, &pass.report)
        func restore() {
            guard let backup else { return }
            backup.restore(self)
            // Those before the step, but in its bases, which stay.
            preconditioner.moments = moments
        }
        do {
            try restoringWithoutMemory(restore) {
                try withoutGradients {
                    try adaptDamping(&pass.report, losses: pass.losses, backup: backup, batch)
                    try moveOthers(&pass)
                }
            }
        } catch {
            restore()
            throw error
        }
        return pass.report
    }

    /// Tells the age of the inverses.
    func reportInverses(_ report: inout StepReport) {
        report.inverses = preconditioner.status(of: curvature.blocks, atStep: updateCount)
        report.refreshedInverses = report.inverses.count { $0.isNew }
    }

    /// θ ← (1 − α w) θ − scale · direction.
    private func apply(_ proposal: Proposal, _ report: inout StepReport) throws {
        report.learningRate = proposal.learningRate
        report.momentum = proposal.momentum
        report.clipping = proposal.clipping
        let norm = abs(proposal.scale) * inner(proposal.direction, proposal.direction).squareRoot()
        report.updateNorm = norm
        try requireFinite(norm, of: proposal, report)
        try requireFiniteDecay(at: proposal.learningRate, report)
        report.time(.update) {
            withoutGradients {
                for (index, parameter) in parameters.enumerated() {
                    let decay = regularization(of: parameter).weightDecay
                    if decay != 0 { parameter.tensor.multiply(inPlace: 1 - proposal.learningRate * decay) }
                    parameter.tensor.add(inPlace: proposal.direction[index], scale: -proposal.scale)
                }
            }
        }
        if let moments = proposal.moments {
            preconditioner.moments = moments
        } else if let moments = proposal.momentsByParameter {
            momentsByParameter = moments
        } else {
            velocities = proposal.velocities
            hasVelocity = true
        }
    }

    /// Moves the parameters without a block, unless the step was undone.
    private func moveOthers(_ pass: inout Pass) throws {
        guard let firstOrder, !pass.report.isRejected else { return }
        try firstOrder.rule.update(
            pass.firstOrderGradient, of: firstOrder.parameters, step: stepCount, report: &pass.report,
            guards: configuration.guards)
    }
}

/// The values that a step changes, to be restored.
struct Backup {
    let parameters: [Tensor]
    private let velocities: [Tensor.ID: Tensor]
    private let hasVelocity: Bool
    private let momentsByParameter: [Tensor.ID: GradientMoments]
    private let adaptedDamping: Double?

    init(of optimizer: KFACOptimizer) {
        parameters = withoutGradients { optimizer.parameters.map { $0.tensor.copy() } }
        velocities = optimizer.velocityByParameter
        hasVelocity = optimizer.hasVelocity
        momentsByParameter = optimizer.momentsByParameter
        adaptedDamping = optimizer.adaptedDamping
    }

    func restore(_ optimizer: KFACOptimizer) {
        withoutGradients {
            for (parameter, copy) in zip(optimizer.parameters, parameters) { parameter.tensor.assign(copy) }
        }
        optimizer.velocityByParameter = velocities
        optimizer.hasVelocity = hasVelocity
        optimizer.momentsByParameter = momentsByParameter
        optimizer.adaptedDamping = adaptedDamping
    }
}
