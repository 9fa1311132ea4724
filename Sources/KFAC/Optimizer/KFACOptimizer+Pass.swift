import Curvature
import FirstOrder
import Optimization
import Torch

extension KFACOptimizer {
    /// The results of one run of the model over the batch.
    struct Pass {
        var report: StepReport
        /// Of the objective: of the mean loss and the L2 term.
        var gradient: [Tensor] = []
        /// The losses of the parts, where they are compared with those after the step.
        var losses: [LossRecord] = []
        /// The square of its Euclidean norm, where a guard has computed it.
        var gradientSquare: Double?
        /// That of the parameters that the first-order rule knows; nil for those that it does not move in this step.
        var firstOrderGradient: [Tensor?] = []
        /// The gradients of blocks whose batch has few rows.
        var thinGradients: [ObjectIdentifier: ThinGradient] = [:]
        /// Products with the curvature of the whole batch's loss, whose graph they keep, where that is needed on.
        var products: CurvatureProducts?
    }

    /// The results of one part of the batch.
    private struct PartialPass {
        var report: StepReport
        /// The gradient of each parameter that could be moved; nil where the loss does not depend on it.
        var gradients: [Tensor?]
        var losses: [LossRecord]
        var gradientSquare: Double?
        var thinGradients: [ObjectIdentifier: ThinGradient]
        var products: CurvatureProducts?
        /// The divisor of the part's mean loss.
        let count: Double
    }

    /// Runs the model, moves the running averages, and computes the gradient.
    func pass(over batch: Batch) throws -> Pass {
        let layers = curvature.layers
        let takesShare = isStatisticsStep && batch.canRunShares && configuration.statisticsFraction < 1
        let movable = (layers.parameters + namedFirstOrder).filter(\.tensor.requiresGradient)
        guard !movable.isEmpty else {
            throw OptimizerError.nothingToMove((layers.parameters + namedFirstOrder).map(\.name))
        }
        if !layers.isPlanned { try requireKnownGroups() }
        var sum = try runPart(
            0, of: movable, estimates: isStatisticsStep && !takesShare, keepsGraph: keepsGraph(batch),
            thins: thinsGradients(of: batch)
        ) { try batch.loss(of: .part(0)) }
        if batch.parts > 1 {
            var count = sum.count
            sum.gradientSquare = nil
            sum.gradients = sum.gradients.map { $0.map { $0 * count } }
            sum.report.lossTensor = sum.report.lossTensor * count
            for part in 1..<batch.parts {
                let other = try runPart(
                    part, of: movable, estimates: isStatisticsStep && !takesShare, keepsGraph: false, thins: false
                ) { try batch.loss(of: .part(part)) }
                for index in sum.gradients.indices {
                    guard let gradient = other.gradients[index] else { continue }
                    if let total = sum.gradients[index] {
                        total.add(inPlace: gradient, scale: other.count)
                    } else {
                        sum.gradients[index] = gradient * other.count
                    }
                }
                sum.report.lossTensor += other.report.lossTensor * other.count
                sum.report.phases += other.report.phases
                sum.losses += other.losses
                count += other.count
            }
            // Where nothing counts, all sums are zero.
            if count == 0 { count = 1 }
            for gradient in sum.gradients { gradient?.multiply(inPlace: 1 / count) }
            sum.report.lossTensor = sum.report.lossTensor / count
        }
        if takesShare {
            // After the whole batch, whose random numbers it repeats.
            let statistics = try statisticsOfShare(of: batch, &sum.report)
            try updateAverages(with: statistics, &sum.report)
        }
        if isStatisticsStep, !takesShare, !sum.gradients.isEmpty { try requireCurvature(sum, of: movable) }
        if !layers.isPlanned {
            sum.report.messages += curvature.layers.choiceMessages + unusedClipping
            if !batch.canRunShares { sum.report.messages += unusedFractions }
        }
        return assemble(sum, of: movable)
    }

    /// Ends the first step if a group names what is not there.
    private func requireKnownGroups() throws {
        let unknown = LayerChoices.unknown(configuration.groups.flatMap(\.names), among: curvature.layers.allNames)
        guard unknown.isEmpty else { throw OptimizerError.unknownNames(unknown) }
    }

    /// A message where a clipping is chosen that the rule does not apply.
    private var unusedClipping: [String] {
        let isChosen = ![Clipping.none, Configuration().clipping].contains(configuration.clipping)
        guard isChosen, !configuration.rule.isClipped else { return [] }
        let rule =
            configuration.rule.isQuadraticModel
            ? "the rule .quadraticModel, which finds the length of a step itself"
            : "this rule, whose steps have the lengths of Adam's"
        return ["the clipping has no effect with \(rule)"]
    }

    /// A message for each share of the batch that is chosen, for steps that cannot run one.
    private var unusedFractions: [String] {
        var names = configuration.statisticsFraction < 1 ? ["statisticsFraction"] : []
        if case .quadraticModel(let rule) = configuration.rule, rule.fraction < 1 {
            names.append("the fraction of the quadratic model")
        }
        return names.map {
            "\($0) has no effect in this step, which cannot run a share of the batch: call step(examples:_:)"
        }
    }

    /// Ends the step where the objective depends on parameters by terms without curvature only, which nothing would
    /// move.
    private func requireCurvature(_ sum: PartialPass, of movable: [NamedParameter]) throws {
        let layers = curvature.layers
        let known = Set(layers.withBlocks.map(\.tensor.id)).union(layers.withoutBlock)
            .union(namedFirstOrder.map(\.tensor.id))
        let stranded = zip(movable, sum.gradients).filter { $1 != nil && !known.contains($0.tensor.id) }
        guard stranded.isEmpty || !layers.isPlanned else {
            throw OptimizerError.noCurvature(stranded.map(\.0.name))
        }
    }

    /// Decides which parameters the step moves, and gathers their gradient.
    private func assemble(_ sum: PartialPass, of movable: [NamedParameter]) -> Pass {
        var pass = Pass(
            report: sum.report, losses: sum.losses, gradientSquare: sum.gradientSquare,
            thinGradients: sum.thinGradients, products: sum.products)
        pass.report.messages += curvature.layers.takeMessages()
        let layers = curvature.layers
        guard !sum.gradients.isEmpty else { return pass }

        let gradients = Dictionary(
            uniqueKeysWithValues: zip(movable, sum.gradients).compactMap { parameter, gradient in
                gradient.map { (parameter.tensor.id, $0) }
            })
        pass.report.messages += roles.update(layers.parameters + namedFirstOrder) { gradients[$0.tensor.id] != nil }
        let withBlocks = Set(layers.withBlocks.map(\.tensor.id))
        let withoutBlock = layers.withoutBlock.union(namedFirstOrder.map(\.tensor.id))
        let before = parameters.map(\.tensor.id)
        parameters = layers.parameters.filter { parameter in
            let id = parameter.tensor.id
            // A parameter whose first use had no statistics yet waits for them.
            return gradients[id] != nil && !withoutBlock.contains(id) && (withBlocks.contains(id) || !layers.isPlanned)
        }
        if parameters.map(\.tensor.id) != before {
            pass.products = pass.products.map { curvatureProducts(of: $0.loss, uses: $0.layerUses) }
        }
        withoutGradients {
            // Not in place: gradients of different parameters may share their memory.
            func regularized(_ parameter: NamedParameter) -> Tensor? {
                guard let gradient = gradients[parameter.tensor.id] else { return nil }
                let weight = regularization(of: parameter).l2
                return weight == 0 ? gradient : gradient + parameter.tensor * weight
            }
            pass.gradient = parameters.compactMap(regularized)
            pass.firstOrderGradient = (firstOrder?.parameters ?? []).map {
                withoutBlock.contains($0.tensor.id) ? regularized($0) : nil
            }
        }
        let others = pass.firstOrderGradient.reached.map { firstOrder!.parameters[$0.index] }
        pass.report.regularization = regularizationTerm(of: parameters + others)
        if pass.report.regularization != nil || pass.gradient.count != gradients.count { pass.gradientSquare = nil }
        return pass
    }

    /// Whether gradients of few rows are preconditioned in thin form: those of a whole batch, not of its parts or a sum
    /// over steps.
    private func thinsGradients(of batch: Batch) -> Bool {
        guard configuration.curvatureForm == .inverse else { return false }
        return switch configuration.rule {
        case .momentumOfGradients, .eigenbasisMoments, .grafted: false
        case .fixed, .quadraticModel: batch.parts == 1
        }
    }

    /// Whether this step moves the averages; where the first one could not, the next ones make up for it.
    private var isStatisticsStep: Bool {
        stepCount % configuration.statisticsPeriod == 0 || !curvature.layers.isPlanned
            || configuration.inverses.needsStatistics(atStep: updateCount)
    }

    private func statisticsOfShare(
        of batch: Batch, _ report: inout StepReport
    ) throws -> ModelCurvature.BatchStatistics {
        let (loss, uses) = try report.time(.curvatureForward) {
            try recordingLayerUses { try batch.loss(of: .share(configuration.statisticsFraction)) }
        }
        return try report.time(.curvatureBackward) { try curvature.statistics(of: loss, uses: uses) }
    }

    /// The gradient of one part of the batch, whose statistics go into the running averages.
    private func runPart(
        _ part: Int, of movable: [NamedParameter], estimates: Bool, keepsGraph: Bool, thins: Bool,
        _ makeLoss: () throws -> Loss
    ) throws -> PartialPass {
        let clock = ContinuousClock()
        let start = clock.now
        let records = estimates || thins || keepsGraph
        let (loss, uses) = records ? try recordingLayerUses(makeLoss) : (try makeLoss(), [])
        requireUnfrozen(movable, in: "KFACOptimizer.step")
        let mean = loss.mean
        var report = StepReport(step: stepCount, lossTensor: mean.detached(), learningRate: 0, momentum: 0)
        if configuration.curvatureForm != .eigenbasis { report.damping = damping }
        report.phases.append((.forward, start.duration(to: clock.now).seconds))
        try requireFinite(loss: mean, report)

        let products = keepsGraph ? curvatureProducts(of: loss, uses: uses) : nil
        var statistics: ModelCurvature.BatchStatistics?
        if estimates {
            statistics = try report.time(.curvatureBackward) {
                // The averages decay once a step, so that all parts of it weigh alike.
                try curvature.statistics(
                    of: loss, uses: uses, decay: part == 0 ? nil : 1, sharedWith: products)
            }
        }
        var gradients: [Tensor?] = []
        var thinGradients: [ObjectIdentifier: ThinGradient] = [:]
        if stepCount >= configuration.burnIn {
            (gradients, thinGradients) = try report.time(.backward) {
                try self.gradients(
                    of: mean, withRespectTo: movable, uses: thins ? uses : [],
                    blocks: (statistics?.layers ?? curvature.layers).blocks, keepsGraph: keepsGraph)
            }
        }
        let reached = zip(movable, gradients).filter { $0.1 != nil }
        let square = try requireFinite(reached.map { $0.1! }, of: reached.map(\.0), report)
        if let statistics { try updateAverages(with: statistics, &report) }
        return PartialPass(
            report: report, gradients: gradients, losses: looksBack ? [LossRecord(loss)] : [],
            gradientSquare: square, thinGradients: thinGradients, products: products, count: loss.normalizer)
    }

    /// The gradients, nil for parameters that the loss does not depend on, and those blocks' parts of them that are
    /// cheaper to precondition in thin form.
    private func gradients(
        of mean: Tensor, withRespectTo movable: [NamedParameter], uses: [LayerUse], blocks: [any CurvatureBlock],
        keepsGraph: Bool
    ) throws -> (all: [Tensor?], thin: [ObjectIdentifier: ThinGradient]) {
        let thinUses = blocks.compactMap { block -> (block: KroneckerBlock, use: LayerUse)? in
            guard let block = block as? KroneckerBlock,
                block.parameters.allSatisfy({ regularization(of: $0).l2 == 0 })
            else { return nil }
            return block.thinUse(among: uses).map { (block: block, use: $0) }
        }
        let gradients = gradientsIfReached(
            of: [mean], withRespectTo: movable.map(\.tensor) + thinUses.map(\.use.preActivation),
            keepingGraph: keepsGraph)
        let all = Array(gradients.prefix(movable.count))
        guard all.contains(where: { $0 != nil }) else {
            throw OptimizerError.unreachedParameters(movable.map(\.name))
        }
        let byParameter = Dictionary(uniqueKeysWithValues: zip(movable.map(\.tensor.id), all))
        var thin: [ObjectIdentifier: ThinGradient] = [:]
        for ((block, use), gradient) in zip(thinUses, gradients.dropFirst(movable.count)) {
            let dense = block.parameters.compactMap { byParameter[$0.tensor.id] ?? nil }
            guard let gradient, dense.count == block.parameters.count else { continue }
            let candidate = ThinGradient(use, hasBias: block.parameters.count > 1, gradient: gradient)
            let whole = block.vector(from: dense)
            if candidate.isEqual(to: whole.reshaped([candidate.outputs.shape[1], -1])) {
                thin[ObjectIdentifier(block)] = candidate
            }
        }
        return (all, thin)
    }

    /// Moves the averages by what may enter them of a batch.
    private func updateAverages(
        with statistics: ModelCurvature.BatchStatistics, _ report: inout StepReport
    ) throws {
        let soFar = report
        try report.time(.statistics) {
            var statistics = statistics
            statistics.blocks = try admitted(statistics.blocks, soFar)
            try curvature.updateAverages(with: statistics)
            if configuration.curvatureForm == .correctedEigenbasis {
                withoutGradients { preconditioner.correct(by: statistics.blocks) }
            }
        }
    }

    /// ½ Σ η ‖θ‖²; nil where no parameter has a weight.
    private func regularizationTerm(of parameters: [NamedParameter]) -> Double? {
        let weighted = parameters.map { (tensor: $0.tensor.detached(), weight: regularization(of: $0).l2) }
            .filter { $0.weight != 0 }
        guard !weighted.isEmpty else { return nil }
        return inner(weighted.map(\.tensor), weighted.map { $0.tensor * ($0.weight / 2) })
    }
}
