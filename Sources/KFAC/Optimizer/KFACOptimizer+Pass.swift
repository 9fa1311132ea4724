import Torch

extension KFACOptimizer {
    /// What one run of the model over the batch gave.
    struct Pass {
        var report: StepReport
        /// Of the objective: of the mean loss and the L2 term.
        var gradient: [Tensor]
        /// The loss of each example of each part, [batch], where it is compared with that after the step.
        var losses: [Tensor] = []
        /// The square of its Euclidean norm, where a guard has computed it.
        var gradientSquare: Double?
        /// That of the parameters without a block.
        var firstOrderGradient: [Tensor] = []
        /// The gradients of blocks whose batch has few rows, by the blocks' numbers.
        var thinGradients: [Int: ThinGradient] = [:]
        /// Products with the curvature of the whole batch's loss, whose graph they keep, where that is needed on.
        var products: CurvatureProducts?
    }

    /// Runs the model, moves the running averages, and computes the gradient.
    func pass(over batch: Batch, _ run: (BatchPart) throws -> Loss) throws -> Pass {
        let takesShare = isStatisticsStep && batch.canRunShares && configuration.statisticsFraction < 1
        var (pass, examples) = try take(
            part: 0, estimates: isStatisticsStep && !takesShare, keepsGraph: keepsGraph(batch),
            thins: thinsGradients(of: batch)
        ) { try run(.part(0)) }
        if batch.parts > 1 {
            pass.gradientSquare = nil
            var lossSum = pass.report.lossTensor * Double(examples)
            pass.gradient = pass.gradient.map { $0 * Double(examples) }
            for part in 1..<batch.parts {
                let (other, count) = try take(
                    part: part, estimates: isStatisticsStep && !takesShare, keepsGraph: false, thins: false
                ) { try run(.part(part)) }
                for (sum, gradient) in zip(pass.gradient, other.gradient) {
                    sum.add(inPlace: gradient, scale: Double(count))
                }
                lossSum += other.report.lossTensor * Double(count)
                examples += count
                pass.losses += other.losses
                pass.report.phases += other.report.phases
            }
            for sum in pass.gradient { sum.multiply(inPlace: 1 / Double(examples)) }
            pass.report.lossTensor = lossSum / Double(examples)
        }
        if takesShare {
            // After the whole batch, whose random numbers it repeats.
            let (statistics, layers, phases) = try statisticsOfShare(run)
            pass.report.phases += phases
            try move(averagesBy: statistics, layers: layers, &pass.report)
        }
        if !isSettled, layers.isPlanned {
            pass.report.messages = layers.messages
            let before = allParameters
            settleParameters()
            // The gradient was computed before it was known which parameters have a block.
            let numbers = Dictionary(
                uniqueKeysWithValues: before.enumerated().map { ($0.element.tensor.id, $0.offset) })
            if !pass.gradient.isEmpty {
                pass.gradient = allParameters.map { pass.gradient[numbers[$0.tensor.id]!] }
            }
            pass.products = pass.products.map { curvatureProducts(of: $0.loss, uses: $0.layerUses) }
        }
        addRegularization(to: &pass)
        if pass.report.regularization != nil || firstOrder != nil { pass.gradientSquare = nil }
        if !pass.gradient.isEmpty {
            pass.firstOrderGradient = Array(pass.gradient.dropFirst(parameters.count))
            pass.gradient.removeLast(pass.firstOrderGradient.count)
        }
        return pass
    }

    /// Whether gradients of few rows are preconditioned in thin form: those of a whole batch, not of its parts or a sum
    /// over steps.
    private func thinsGradients(of batch: Batch) -> Bool {
        if case .momentumOfGradients = configuration.rule { return false }
        return batch.parts == 1
    }

    /// Whether this step moves the averages; where the first one could not, the next ones make up for it.
    private var isStatisticsStep: Bool {
        stepCount % configuration.statisticsPeriod == 0 || !layers.isPlanned && unreadState == nil
    }

    private func statisticsOfShare(_ run: (BatchPart) throws -> Loss) throws -> (
        statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)], layers: LayerCollection,
        phases: [(phase: StepReport.Phase, seconds: Double)]
    ) {
        let clock = ContinuousClock()
        let start = clock.now
        let (loss, uses) = try recordingLayerUses { try run(.share(configuration.statisticsFraction)) }
        let middle = clock.now
        // Kept once nothing can fail any more: a step that fails leaves no trace.
        var layers = self.layers
        if unreadState != nil { try read(into: &layers, uses, batchSize: loss.batchSize) }
        let statistics = try layers.statistics(
            of: loss, uses: uses, estimation: configuration.estimation, matrix: configuration.matrix,
            decay: configuration.statisticsDecay, using: &generator)
        return (
            statistics, layers,
            [
                (.curvatureForward, start.duration(to: middle).seconds),
                (.curvatureBackward, middle.duration(to: clock.now).seconds),
            ]
        )
    }

    /// The gradient of one part of the batch, whose statistics go into the running averages.
    private func take(
        part: Int, estimates: Bool, keepsGraph: Bool, thins: Bool, _ makeLoss: () throws -> Loss
    ) throws -> (pass: Pass, examples: Int) {
        let clock = ContinuousClock()
        let start = clock.now
        let records = estimates || thins || keepsGraph || unreadState != nil
        let (loss, uses) = records ? try recordingLayerUses(makeLoss) : (try makeLoss(), [])
        let mean = loss.mean
        var report = StepReport(step: stepCount, lossTensor: mean.detached(), learningRate: 0, momentum: 0)
        report.damping = damping
        report.phases.append((.forward, start.duration(to: clock.now).seconds))
        guard mean.scalar.isFinite else {
            guard configuration.guards.isOn else { throw OptimizerError.lossNotFinite(step: stepCount) }
            throw StepRejection(reason: .lossNotFinite, report: report)
        }

        var layers = self.layers
        if unreadState != nil { try read(into: &layers, uses, batchSize: loss.batchSize) }
        let products = keepsGraph ? curvatureProducts(of: loss, uses: uses) : nil
        var statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)] = []
        if estimates {
            statistics = try report.time(.curvatureBackward) {
                // The averages decay once a step, so that all parts of it weigh alike.
                try layers.statistics(
                    of: loss, uses: uses, estimation: configuration.estimation, matrix: configuration.matrix,
                    decay: part == 0 ? configuration.statisticsDecay : 1, sharedWith: products, using: &generator)
            }
        }
        var gradient: [Tensor] = []
        var thinGradients: [Int: ThinGradient] = [:]
        if stepCount >= configuration.burnIn {
            (gradient, thinGradients) = try report.time(.backward) {
                try gradients(of: mean, uses: thins ? uses : [], blocks: layers.blocks, keepsGraph: keepsGraph)
            }
        }
        let square = try requireFinite(gradient, report)
        if estimates { try move(averagesBy: statistics, layers: layers, &report) }
        let pass = Pass(
            report: report, gradient: gradient, losses: looksBack ? [loss.perExample.detached()] : [],
            gradientSquare: square, thinGradients: thinGradients, products: products)
        return (pass, loss.batchSize)
    }

    /// Finds the layers again after a state was loaded, and gives them theirs.
    private func read(into layers: inout LayerCollection, _ uses: [LayerUse], batchSize: Int) throws {
        try layers.plan(for: uses, batchSize: batchSize)
        try readState(of: layers)
        self.layers = layers
    }

    /// The gradient, and those blocks' parts of it that are cheaper to precondition in thin form.
    private func gradients(
        of mean: Tensor, uses: [LayerUse], blocks: [any CurvatureBlock], keepsGraph: Bool
    ) throws -> (all: [Tensor], thin: [Int: ThinGradient]) {
        let all = allParameters
        let thinUses = blocks.indices.compactMap { index -> (block: Int, use: LayerUse)? in
            guard let block = blocks[index] as? KroneckerBlock,
                block.parameters.allSatisfy({ regularization(of: $0).l2 == 0 })
            else { return nil }
            return block.thinUse(among: uses).map { (block: index, use: $0) }
        }
        let gradients = gradientsIfReached(
            of: [mean], withRespectTo: all.map(\.tensor) + thinUses.map(\.use.preActivation),
            keepingGraph: keepsGraph)
        let dense = try requireReached(Array(gradients.prefix(all.count)), all)
        let positions = positions(of: blocks)
        var thin: [Int: ThinGradient] = [:]
        for ((index, use), gradient) in zip(thinUses, gradients.dropFirst(all.count)) {
            guard let gradient else { continue }
            let block = blocks[index]
            let candidate = ThinGradient(use, hasBias: block.parameters.count > 1, gradient: gradient)
            let whole = block.vector(from: positions[index].map { dense[$0] })
            if candidate.isEqual(to: whole.reshaped([candidate.outputs.shape[1], -1])) { thin[index] = candidate }
        }
        return (dense, thin)
    }

    /// Moves the averages of the layers of a batch, by what may enter them.
    private func move(
        averagesBy statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)], layers: LayerCollection,
        _ report: inout StepReport
    ) throws {
        let soFar = report
        try report.time(.statistics) {
            let admitted = try admitted(statistics, soFar)
            self.layers = layers
            for (block, batch) in admitted { block.updateStatistics(batch) }
        }
    }

    private func addRegularization(to pass: inout Pass) {
        withoutGradients {
            for (index, parameter) in allParameters.enumerated() where !pass.gradient.isEmpty {
                let weight = regularization(of: parameter).l2
                // Not in place: gradients of different parameters may share their memory.
                if weight != 0 { pass.gradient[index] = pass.gradient[index] + parameter.tensor * weight }
            }
        }
        pass.report.regularization = regularizationTerm
    }

    /// ½ Σ η ‖θ‖²; nil where no parameter has a weight.
    var regularizationTerm: Double? {
        let weighted = allParameters.map { (tensor: $0.tensor.detached(), weight: regularization(of: $0).l2) }
            .filter { $0.weight != 0 }
        guard !weighted.isEmpty else { return nil }
        return inner(weighted.map(\.tensor), weighted.map { $0.tensor * ($0.weight / 2) })
    }
}
