import Foundation
package import Torch

/// The blocks of a model, found from the uses of its parameters: no registration.
///
/// Uses are grouped by their parameters, so that a weight used twice is one block that saw both uses. A parameter's
/// first use decides; a later one that is of another kind is an error. Parameters that a batch does not use, or that
/// are frozen, keep their blocks. A value whose blocks are shared: a step that fails before its statistics keeps the
/// collection as it was.
package struct LayerCollection {
    package let parameters: [NamedParameter]
    package let choices: LayerChoices
    package let settings: FactorSettings
    /// The makers of blocks of custom operations, by their names.
    let makers: [String: BlockMaker]
    /// The names of all parameters, excluded ones among them.
    package let allNames: [String]
    /// The blocks, with what each is and why, in the order of their first parameters.
    var layers: [(plan: BlockPlan, block: any CurvatureBlock)] = []
    /// Parameters that were found to have no known curvature and are left to the first-order rule.
    package internal(set) var withoutBlock: Set<Tensor.ID> = []
    /// Which parameters the last batch moved.
    var isActive: [Bool] = []
    /// Messages to the user about new blocks.
    private var messages: [String] = []
    /// The memory of the blocks; nil before they are made.
    package internal(set) var memory: MemoryEstimate?
    /// The bytes that the blocks may take; nil if nothing is known of that, as on other devices than the CPU.
    package var memoryLimit: Int?
    /// Is told what blocks will take before they are made.
    package var onMemory: ((MemoryEstimate) -> Void)?
    /// Whether inverses are computed in the background, which takes more memory.
    package var isInvertedInBackground = false

    /// Collects those of the given parameters that are not excluded.
    package init(
        parameters: [NamedParameter], choices: LayerChoices = LayerChoices(), settings: FactorSettings,
        makers: [String: BlockMaker] = [:]
    ) {
        self.makers = makers
        allNames = parameters.map(\.name)
        self.parameters = parameters.filter { !choices.isExcluded($0.name) && !choices.isFirstOrder($0.name) }
        self.choices = choices
        self.settings = settings
        memoryLimit = parameters.allSatisfy { $0.tensor.device == .cpu } ? MachineMemory.limit : nil
    }

    /// The blocks, in the order of their first parameters.
    package var blocks: [any CurvatureBlock] { layers.map(\.block) }

    /// Whether there have been statistics of a batch.
    package var isPlanned: Bool { !isActive.isEmpty }

    /// The parameters that have a block.
    package var withBlocks: [NamedParameter] { blocks.flatMap(\.parameters) }

    /// The statistics of a batch, of each block that it has something to tell of; new blocks are made.
    ///
    /// One pass back for each source of the estimation, to the pre-activations that blocks ask for and to the
    /// parameters of generic blocks, if there are such.
    ///
    /// - Parameter products: What takes the first pass for its own, if any.
    package mutating func statistics(
        of loss: Loss, uses: [LayerUse], estimation: Estimation, matrix: CurvatureMatrix = .fisher, decay: Double,
        sharedWith products: CurvatureProducts? = nil, using generator: inout RandomGenerator
    ) throws -> [(block: any CurvatureBlock, statistics: BlockStatistics)] {
        try updatePlan(uses, of: loss, outputs: estimation.outputs(of: loss))
        // Where the loss looks at nothing, there is nothing to learn.
        guard loss.normalizer > 0 else { return [] }
        let current = layers.filter { layer in layer.plan.parameters.contains { isActive[$0] } }
        let needed = Set(current.flatMap(\.plan.uses)).sorted()
        let generic = current.flatMap { $0.block.needsParameterGradients ? $0.plan.parameters : [] }
        // Modes whose sources are of whole batches take examples apart for generic blocks.
        let separates = !generic.isEmpty && !estimation.hasIndependentExamples
        let genericTensors = generic.map { parameters[$0].tensor }
        let targets = needed.map { uses[$0].preActivation } + (separates ? [] : genericTensors)
        let others = products?.passTargets ?? []
        var sources = estimation.gradients(
            of: loss, matrix: matrix, withRespectTo: targets + others, differentiable: products != nil,
            drawsSigns: true, using: &generator)
        products?.adopt(Array(sources[0].dropFirst(targets.count)))
        sources = sources.map { $0.prefix(targets.count).map { $0?.detached().inFullPrecision } }
        let genericSources =
            separates
            ? estimation.exampleGradients(of: loss, matrix: matrix, withRespectTo: genericTensors, using: &generator)
            : sources.map { Array($0.dropFirst(needed.count)) }

        let usePositions = Dictionary(uniqueKeysWithValues: needed.enumerated().map { ($0.element, $0.offset) })
        let genericPositions = Dictionary(uniqueKeysWithValues: generic.enumerated().map { ($0.element, $0.offset) })
        return current.compactMap { plan, block in
            if block.needsParameterGradients {
                let positions = plan.parameters.map { genericPositions[$0]! }
                let gradients = genericSources.map { source in
                    positions.map { source[$0] ?? Tensor.zeros(like: genericTensors[$0].detached()) }
                }
                return (
                    block,
                    BlockStatistics(
                        uses: [], gradients: [], parameterGradients: gradients, batchSize: loss.batchSize,
                        normalizer: loss.normalizer, decay: decay)
                )
            }
            // A use that the loss does not see, of an output that is not looked at, has no curvature.
            let positions = plan.uses.map { usePositions[$0]! }.filter { position in
                sources.contains { $0[position] != nil }
            }
            guard !positions.isEmpty else { return nil }
            let gradients = sources.map { source in
                positions.map { position in
                    (source[position] ?? Tensor.zeros(like: targets[position].detached()).inFullPrecision)
                        .movingFirst(plan.batchAxis)
                }
            }
            return (
                block,
                BlockStatistics(
                    uses: positions.map { uses[needed[$0]].inFullPrecision.movingExamplesFirst(from: plan.batchAxis) },
                    gradients: gradients, batchSize: loss.batchSize, normalizer: loss.normalizer,
                    countedExamples: loss.countedExamples, isMasked: loss.terms.contains { $0.mask != nil },
                    decay: decay)
            )
        }
    }

    /// Finds the blocks without a batch's statistics, from the uses of a run of the model.
    package mutating func plan(for uses: [LayerUse], of loss: Loss, estimation: Estimation) throws {
        try updatePlan(uses, of: loss, outputs: estimation.outputs(of: loss))
    }

    /// Messages to the user about new blocks, once.
    package mutating func takeMessages() -> [String] {
        defer { messages = [] }
        return messages
    }

    /// The memory that the blocks will take, from the uses of a run of the model.
    package func memory(for uses: [LayerUse], of loss: Loss, estimation: Estimation) throws -> MemoryEstimate {
        if let memory { return memory }
        let (_, _, plans) = try plans(uses, of: loss, outputs: estimation.outputs(of: loss))
        return memory(of: plans)
    }

    func memory(of plans: [BlockPlan]) -> MemoryEstimate {
        MemoryEstimate(
            plans.map { $0.memory(of: $0.parameters.map { parameters[$0] }, settings: settings) },
            isInBackground: isInvertedInBackground)
    }

    /// The plans of all active parameters, and those that become blocks.
    private func plans(
        _ uses: [LayerUse], of loss: Loss, outputs: [Tensor]
    ) throws -> (graph: ParameterGraph, all: [BlockPlan], used: [BlockPlan]) {
        let graph = ParameterGraph(parameters, uses: uses, outputs: outputs)
        // A batch may use only what the first-order rule moves.
        guard graph.isActive.contains(true) || allNames.contains(where: choices.isFirstOrder) else {
            let names = parameters.map(\.name)
            throw parameters.contains { $0.tensor.requiresGradient }
                ? CurvatureError.unreachedParameters(names) : .nothingToDifferentiate(names)
        }
        try requireKnownNames()
        let axes = ExampleAxes(loss, uses: uses)
        let all = try BlockPlanner(self, uses: uses, graph: graph, axes: axes, known: layers.map(\.plan)).plan()
        return (graph, all, choices.unknown == .firstOrder ? all.filter { $0.fallback == nil } : all)
    }

    private mutating func updatePlan(_ uses: [LayerUse], of loss: Loss, outputs: [Tensor]) throws {
        let (graph, all, plans) = try plans(uses, of: loss, outputs: outputs)
        // The blocks that stay, and nil for those to be made.
        var merged: [(plan: BlockPlan, block: (any CurvatureBlock)?)] = layers.map { layer in
            var plan = layer.plan
            plan.uses = []
            return (plan, layer.block)
        }
        var new: [BlockPlan] = []
        for plan in plans {
            let overlapping = merged.indices.filter {
                !Set(merged[$0].plan.parameters).isDisjoint(with: plan.parameters)
            }
            if overlapping.count == 1, merged[overlapping[0]].plan.isAlike(plan) {
                merged[overlapping[0]].plan = plan
                continue
            }
            let members = Set(overlapping.flatMap { merged[$0].plan.parameters }).union(plan.parameters)
            // Parameters that were frozen or thawed, or are now used where they were not, make a new layer.
            guard overlapping.isEmpty || members.contains(where: { isActive[$0] != graph.isActive[$0] }) else {
                throw CurvatureError.usesChanged(
                    merged[overlapping[0]].plan.parameters.map { parameters[$0].name })
            }
            for index in overlapping.reversed() { merged.remove(at: index) }
            merged.append((plan, nil))
            new.append(plan)
        }
        if !new.isEmpty {
            let memory = memory(of: merged.map(\.plan))
            try memory.requireFitting(memoryLimit)
            self.memory = memory
            onMemory?(memory)
        }
        layers = try merged.sorted { $0.plan.parameters[0] < $1.plan.parameters[0] }.map { plan, block in
            (
                plan,
                try block
                    ?? plan.block(
                        of: plan.parameters.map { parameters[$0] }, settings: settings, makers: makers)
            )
        }
        messages += fallbackMessages(new + updateWithoutBlock(all)) + wideMessages(memory(of: new))
        isActive = graph.isActive
    }

    /// Notes which parameters of some plans are left to the first-order rule.
    ///
    /// - Returns: The plans of those that were not before.
    private mutating func updateWithoutBlock(_ plans: [BlockPlan]) -> [BlockPlan] {
        guard choices.unknown == .firstOrder else { return [] }
        return plans.filter { plan in
            let ids = plan.parameters.map { parameters[$0].tensor.id }
            guard plan.fallback != nil else {
                withoutBlock.subtract(ids)
                return false
            }
            defer { withoutBlock.formUnion(ids) }
            return !withoutBlock.isSuperset(of: ids)
        }
    }

    /// One message for each factor that is beyond the limit, of the largest; and how many others there are.
    private func wideMessages(_ memory: MemoryEstimate) -> [String] {
        let wide = memory.factors.filter { if case .blocks = $0.structure { true } else { false } }
            .sorted { $0.denseBytes > $1.denseBytes }
        let messages = wide.prefix(3).map { factor in
            "the \(factor.side) factor of \(factor.layer) has \(factor.dimension) rows, more than the limit of "
                + "\(settings.dimensionLimit): dense blocks of up to \(settings.blockSize) (\(bytes(factor.averageBytes))) take "
                + "the place of all entries (\(bytes(factor.denseBytes))); FactorSettings.dimensionLimit and blockSize decide"
        }
        guard wide.count > messages.count else { return messages }
        return messages + ["\(wide.count - messages.count) smaller factors are kept in blocks, too"]
    }

    /// One message for all parameters that have no approximation of their own for the same reason.
    private func fallbackMessages(_ plans: [BlockPlan]) -> [String] {
        let reasons: [FallbackReason] = plans.compactMap(\.fallback).reduce(into: []) { reasons, reason in
            if !reasons.contains(reason) { reasons.append(reason) }
        }
        return reasons.map { reason in
            let names = plans.filter { $0.fallback == reason }.flatMap { $0.parameters.map { parameters[$0].name } }
            let isOne = names.count == 1
            let consequence =
                choices.unknown == .firstOrder
                ? "the first-order rule moves \(isOne ? "it" : "them")"
                : "\(isOne ? "it gets" : "they get") the generic diagonal"
            return "no layer-wise curvature is known for \(names.joined(separator: ", ")), as "
                + "\(reason.clause(isOne: isOne)): \(consequence)"
        }
    }

    private func requireKnownNames() throws {
        let unknown = LayerChoices.unknown(choices.allNames, among: allNames)
        guard unknown.isEmpty else { throw CurvatureError.unknownNames(unknown) }
    }
}
