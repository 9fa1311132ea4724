import Optimization
import Torch

extension KFACOptimizer {
    /// Runs a step; one that a guard rejects ends with a report of that.
    ///
    /// - Throws: What `body` throws, and `OptimizerError.stepsRejected`.
    func guarded(_ body: () throws -> StepReport) throws -> StepReport {
        watch.begin(configuration.guards)
        let generator = curvature.generator
        var report: StepReport
        do {
            report = try watch.finish(body())
        } catch let error as OptimizerError where error.isOfData {
            // A share of the batch may have been good.
            curvature.generator = generator
            throw error
        } catch let rejection as StepRejection {
            report = try watch.reject(rejection)
        }
        stepCount.countOn()
        return report
    }

    /// Ends the step where the loss is not finite.
    func requireFinite(loss: Tensor, _ report: StepReport) throws {
        guard !loss.scalar.isFinite else { return }
        guard watch.guards.isOn else { throw OptimizerError.lossNotFinite(step: stepCount) }
        throw StepRejection(reason: .lossNotFinite, report: report)
    }

    /// Ends the step where a gradient, of all parameters, is not finite or too large to be squared.
    ///
    /// - Returns: The square of its norm; nil without guards or gradient.
    func requireFinite(
        _ gradient: [Tensor], of parameters: [NamedParameter], _ report: StepReport
    ) throws -> Double? {
        guard watch.guards.isOn, !gradient.isEmpty else { return nil }
        let square = inner(gradient, gradient)
        guard !isUsable(square: square, of: gradient) else { return square }
        let names = unusable(gradient, of: parameters) ?? []
        throw StepRejection(reason: .gradientNotFinite(parameters: names), report: report)
    }

    /// Ends the step where the length of a step is not finite or too large to be squared; inverses that are to blame
    /// make way for the identity.
    func requireFinite(_ norm: Double, of proposal: Proposal, _ report: StepReport) throws {
        let greatest = parameters.map { $0.tensor.dtype.greatestRoot }.min() ?? 0
        guard watch.guards.isOn, !parameters.isEmpty, !(norm <= greatest && abs(proposal.scale) <= greatest) else {
            return
        }
        let blocks = curvature.blocks
        let positions = blockPositions
        let guilty = blocks.indices.filter { index in
            guard let own = positions[index]?.map({ proposal.direction[$0] }) else { return false }
            return !isUsable(square: inner(own, own), of: own)
        }
        preconditioner.discard(
            guilty.map { blocks[$0] }, atStep: updateCount, damping: report.preconditionerDamping ?? damping,
            watch: &watch)
        let names = guilty.isEmpty ? blocks.map(\.name) : guilty.map { blocks[$0].name }
        throw StepRejection(reason: .updateNotFinite(layers: names), report: report)
    }

    /// Ends the step where weight decay would make parameters not finite or too large to be squared: times a large
    /// learning rate, it overshoots zero.
    func requireFiniteDecay(at rate: Double, _ report: StepReport) throws {
        guard watch.guards.isOn else { return }
        let names = parameters.filter { parameter in
            let factor = abs(1 - rate * regularization(of: parameter).weightDecay)
            guard factor > 1 else { return factor.isNaN }
            let theta = parameter.tensor.detached()
            return factor > theta.dtype.greatestRoot
                || !isUsable(square: factor * factor * inner([theta], [theta]), of: [theta])
        }.map(\.name)
        guard names.isEmpty else { throw StepRejection(reason: .updateNotFinite(layers: names), report: report) }
    }

    /// Turns errors of the numbers, from here on, into the rejection of the step, where there are guards.
    func rejectingNumericalErrors<Result>(_ pass: inout Pass, _ body: (inout Pass) throws -> Result) throws -> Result {
        do { return try body(&pass) } catch let error as OptimizerError {
            guard watch.guards.isOn, let reason = RejectionReason(error) else { throw error }
            throw StepRejection(reason: reason, report: pass.report)
        }
    }

    /// The result; nil where a quadratic model has no finite minimum and guards let another take its place.
    func skippingFailedModels<Result>(_ body: () throws -> Result) throws -> Result? {
        do { return try body() } catch OptimizerError.quadraticModelFailed where watch.guards.isOn { return nil }
    }

    /// Those statistics that may move the averages; averages that are to begin anew do so.
    ///
    /// - Throws: ``StepRejection`` where the batch is so large that nothing is to be learned from it.
    func admitted(
        _ statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)], _ report: StepReport
    ) throws -> [(block: any CurvatureBlock, statistics: BlockStatistics)] {
        guard watch.guards.isOn else { return statistics }
        let sizes = withoutGradients { StatisticsSize.sizes(of: statistics) }
        var state = watch.state
        let verdicts = zip(statistics, sizes).map { own, size in
            state.judge(own.block.name, size, watch.guards)
        }
        let names = statistics.map(\.block.name)
        for (name, verdict) in zip(names, verdicts) {
            if case .rejected(let defect, _) = verdict { watch.note(.statisticsRejected(layer: name, defect: defect)) }
        }
        let excessive = zip(names, verdicts).filter {
            if case .rejected(_, isExcessive: true) = $0.1 { true } else { false }
        }
        guard excessive.isEmpty else {
            // Of a step that is rejected, only that is remembered which will make a lasting change believed.
            for (name, verdict) in zip(names, verdicts) {
                guard case .rejected(.implausible, _) = verdict, let scale = state.scales[name] else { continue }
                watch.state.scales[name]?.outliers = scale.outliers
            }
            throw StepRejection(reason: .batchImplausible(layers: excessive.map(\.0)), report: report)
        }
        watch.state.scales = state.scales
        var admitted: [(block: any CurvatureBlock, statistics: BlockStatistics)] = []
        for (own, verdict) in zip(statistics, verdicts) {
            guard let decay = decay(of: own.statistics, own.block, verdict) else { continue }
            watch.movedLayers.insert(own.block.name)
            admitted.append((own.block, own.statistics.decaying(by: decay)))
        }
        return admitted
    }

    /// By what a layer's average decays before it takes in a batch; nil where it does not take it in.
    private func decay(
        of statistics: BlockStatistics, _ block: any CurvatureBlock, _ verdict: StatisticsVerdict
    ) -> Double? {
        if case .rejected = verdict { return nil }
        if verdict == .restart || watch.state.restarts.contains(block.name) {
            watch.state.restarts.remove(block.name)
            watch.note(.statisticsRestarted(layer: block.name))
            block.restartStatistics()
            return 0
        }
        // The averages decay once a step; the part of the batch that was to do it may have been left out.
        return watch.movedLayers.contains(block.name) ? statistics.decay : configuration.statisticsDecay
    }
}

extension BlockStatistics {
    /// The same with another decay.
    fileprivate func decaying(by decay: Double) -> BlockStatistics {
        var statistics = self
        statistics.decay = decay
        return statistics
    }
}

extension GuardWatch {
    /// Whether an objective after the step makes it to be undone, which is then noted.
    mutating func refuses(objective change: Double) -> Bool {
        guard guards.isOn, !change.isFinite else { return false }
        note(.stepRejected(reason: .objectiveNotFinite))
        return true
    }
}
