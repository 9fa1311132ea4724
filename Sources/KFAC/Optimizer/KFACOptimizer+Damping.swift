import Optimization
import Torch

extension KFACOptimizer {
    /// λ at the next step, in units of the mean loss's curvature.
    public var damping: Double {
        switch configuration.damping {
        case .scheduled(let schedule): schedule(stepCount)
        case .adaptive(let rule): adaptedDamping ?? rule.initial
        }
    }

    /// The damping of the inverses that are computed next.
    private var preconditionerDamping: Double {
        let own = damping + configuration.regularization.l2
        return switch configuration.preconditionerDamping {
        case .proportional(let factor): factor * own
        case .scheduled(let schedule): schedule(stepCount)
        case .adaptive: searchedDamping ?? own
        case .relative: own
        }
    }

    /// The damping of each block's inverse that is computed next.
    private var blockDamping: BlockDamping {
        guard case .relative(let share) = configuration.preconditionerDamping else {
            return .absolute(preconditionerDamping)
        }
        return .relative(share(stepCount), otherwise: preconditionerDamping)
    }

    /// Computes the inverses that are due.
    func updateInverses(_ report: inout StepReport) throws {
        let form = configuration.curvatureForm
        let damping = form == .eigenbasis ? .absolute(0) : blockDamping
        // There is no number of all blocks where each has its own.
        if form != .eigenbasis, case .absolute(let number) = damping { report.preconditionerDamping = number }
        if case .adaptive = configuration.preconditionerDamping { searchedDamping = preconditionerDamping }
        let request = Preconditioner.Request(
            step: updateCount, schedule: configuration.inverses, form: form, damping: damping)
        let clock = ContinuousClock()
        let start = clock.now
        let didWork = try preconditioner.update(
            curvature.blocks, isMoved: blockPositions.map { $0 != nil }, request, watch: &watch)
        if didWork { report.phases.append((.inverses, start.duration(to: clock.now).seconds)) }
    }

    /// Tries inverses of three dampings and keeps the one with the least value of the quadratic model.
    func searchDamping(
        _ search: GammaSearch, _ pass: inout Pass,
        _ solve: ([Tensor], inout StepReport) throws -> (QuadraticModel, [Double])
    ) throws -> (direction: [Tensor], solution: (QuadraticModel, [Double])) {
        var best: (value: Double, damping: Double, preconditioner: Preconditioner)?
        var result: ([Tensor], (QuadraticModel, [Double]))?
        for damping in search.candidates(around: preconditionerDamping) {
            var candidate = preconditioner
            let request = Preconditioner.Request(
                step: updateCount, schedule: .together(every: 1), form: .inverse, damping: .absolute(damping),
                applications: configuration.inverses.applications(atStep: updateCount))
            _ = try pass.report.time(.inverses) {
                try candidate.update(
                    curvature.blocks, isMoved: blockPositions.map { $0 != nil }, request, watch: &watch)
            }
            let (gradient, thin) = (pass.gradient, pass.thinGradients)
            let direction = pass.report.time(.preconditioning) { precondition(gradient, thin: thin, with: candidate) }
            guard let (model, coefficients) = try skippingFailedModels({ try solve(direction, &pass.report) }) else {
                continue
            }
            let value = model.value(at: coefficients)
            if best == nil || value < best!.value || !best!.value.isFinite {
                best = (value, damping, candidate)
                result = (direction, (model, coefficients))
            }
        }
        guard let best, let result else { throw OptimizerError.quadraticModelFailed(step: stepCount) }
        searchedDamping = best.damping
        pass.report.preconditionerDamping = best.damping
        preconditioner = best.preconditioner
        return result
    }

    private var dueRule: LevenbergMarquardt? {
        guard case .adaptive(let rule) = configuration.damping, rule.isDue(afterStep: updateCount) else { return nil }
        return rule
    }

    /// Whether the batch is looked at again after this step, so that the parameters may have to be put back.
    var looksBack: Bool { dueRule != nil }

    /// Predicts the objective's change where the damping rule or the model of the step rule wants it.
    func predictChange(
        of proposal: Proposal, _ pass: inout Pass, _ batch: Batch
    ) throws {
        let countsDamping: Bool
        if case .adaptive(let rule) = configuration.damping {
            countsDamping = rule.countsDamping
        } else {
            countsDamping = false
        }
        if let (model, coefficients) = proposal.model {
            pass.report.predictedChange = model.value(at: coefficients, includingDamping: countsDamping)
            return
        }
        guard let rule = dueRule, !parameters.isEmpty else { return }
        let step = proposal.direction.map { $0 * -proposal.scale }
        if case .approximate = rule.prediction {
            let damping = pass.report.preconditionerDamping ?? damping
            let gradient = pass.gradient
            pass.report.predictedChange = pass.report.time(.quadraticModel) {
                approximateChange(step, proposal, gradient, damping: damping, countsDamping: countsDamping)
            }
        }
        if pass.report.predictedChange == nil {
            let fraction = if case .exact(let fraction) = rule.prediction { fraction } else { 1.0 }
            let model = try pass.report.time(.quadraticModel) {
                let products = try curvatureForms(fraction, configuration.matrix, pass.products, batch)
                return QuadraticModel(
                    curvature: try products([step]), directions: [step], gradient: pass.gradient,
                    regularization: parameters.map { regularization(of: $0).l2 }, damping: damping)
            }
            pass.report.predictedChange = model.value(at: [1], includingDamping: countsDamping)
        }
        pass.products = nil
    }

    /// ½ sᵀ F s + gᵀ s with the approximate curvature; nil where a block has none.
    private func approximateChange(
        _ step: [Tensor], _ proposal: Proposal, _ gradient: [Tensor], damping: Double, countsDamping: Bool
    ) -> Double? {
        let slope = inner(gradient, step)
        // P⁻¹ s is known: nothing to compute, and the damping stays in, as in the original.
        if let preimage = proposal.preimage { return slope - proposal.scale * inner(preimage, step) / 2 }
        var product = 0.0
        for (block, positions) in zip(curvature.blocks, blockPositions) {
            guard let positions else { continue }
            let own = positions.map { step[$0] }
            if let corrected = preconditioner.correctedForm(block, of: own) {
                product += corrected
                continue
            }
            guard let curvature = try? block.curvature(damping: damping) else { return nil }
            product += inner(own, block.apply(curvature, to: own))
        }
        if !countsDamping { product -= (damping - configuration.regularization.l2) * inner(step, step) }
        return slope + product / 2
    }

    /// Computes the objective after the step, adapts λ, and puts everything back where the step did harm.
    ///
    /// - Parameter losses: Those before the step, part by part.
    func adaptDamping(
        _ report: inout StepReport, losses: [LossRecord], backup: Backup?, _ batch: Batch
    ) throws {
        guard let rule = dueRule, !parameters.isEmpty else { return }
        let change = try report.time(.evaluation) {
            var sum = 0.0
            for (part, before) in losses.enumerated() {
                // A closure may differentiate inside, which must be recorded here, too.
                let after = try withGradients { LossRecord(try batch.loss(of: .part(part))) }
                sum += after.change(since: before)
            }
            let normalizer = losses.reduce(0) { $0 + $1.normalizer }
            return sum / (normalizer > 0 ? normalizer : 1)
                + (backup.map { regularizationChange(since: $0) } ?? 0)
        }
        report.actualChange = change
        let prediction = report.predictedChange ?? .nan
        let isUnusable = watch.refuses(objective: change)
        if isUnusable || rule.rejectsBadSteps, let backup, isUnusable || !(change <= 0) {
            backup.restore(self)
            report.isRejected = true
            adaptedDamping = rule.adapted(damping, actualChange: .nan, predictedChange: prediction)
        } else {
            adaptedDamping = rule.adapted(damping, actualChange: change, predictedChange: prediction)
        }
    }

    /// The L2 term's change: ½ Σ η (‖θ + s‖² − ‖θ‖²) = Σ η ⟨s, θ + s/2⟩, which is no difference of large numbers.
    private func regularizationChange(since backup: Backup) -> Double {
        let weighted = zip(parameters, backup.parameters).filter { regularization(of: $0.0).l2 != 0 }
        return weighted.reduce(0) { sum, pair in
            let (now, before) = (pair.0.tensor.detached(), pair.1)
            return sum + regularization(of: pair.0).l2 * inner([now - before], [(now + before) / 2])
        }
    }
}
