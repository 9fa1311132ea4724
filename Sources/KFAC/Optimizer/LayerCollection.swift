import Torch

/// The blocks of a model, found from the uses of its parameters in the first step: no registration.
///
/// Uses are grouped by their parameters, so that a weight used twice is one block that saw both uses. The first step
/// decides; a later one that uses parameters otherwise is an error. A value whose blocks are shared: a step that fails
/// before its statistics keeps the collection as it was.
struct LayerCollection {
    let parameters: [NamedParameter]
    let choices: LayerChoices
    let settings: FactorSettings
    /// The blocks, in the order of their first parameters.
    private(set) var blocks: [any CurvatureBlock] = []
    /// What each block is, and why.
    private var plan: [BlockPlan] = []
    /// The plans for want of a better one.
    private var unknown: [BlockPlan] = []
    private(set) var isPlanned = false
    /// What the blocks take of memory; nil before they are made.
    private(set) var memory: MemoryEstimate?
    /// The bytes that the blocks may take; nil where nothing is known of that, as on other devices than the CPU.
    var memoryLimit: Int?
    /// Whether inverses are computed in the background, which takes more memory.
    var isInvertedInBackground = false

    /// Collects those of the given parameters that are not excluded.
    init(parameters: [NamedParameter], choices: LayerChoices = LayerChoices(), settings: FactorSettings) {
        var names: [Tensor.ID: String] = [:]
        for parameter in parameters {
            if let other = names.updateValue(parameter.name, forKey: parameter.tensor.id) {
                fatalError("KFACOptimizer: the parameters '\(other)' and '\(parameter.name)' are the same tensor")
            }
        }
        allNames = parameters.map(\.name)
        self.parameters = parameters.filter { !choices.isExcluded($0.name) && !choices.isFirstOrder($0.name) }
        self.choices = choices
        self.settings = settings
        memoryLimit = parameters.allSatisfy { $0.tensor.device == .cpu } ? MachineMemory.limit : nil
    }

    /// The names of all parameters, excluded ones among them.
    let allNames: [String]

    /// What a batch tells of each block; made at the first call.
    ///
    /// One pass back for each source of the estimation, to the pre-activations that blocks ask for and to the parameters
    /// of generic blocks, where there are such.
    ///
    /// - Parameter products: What takes the first pass for its own, if any.
    mutating func statistics(
        of loss: Loss, uses: [LayerUse], estimation: Estimation, matrix: CurvatureMatrix = .fisher, decay: Double,
        sharedWith products: CurvatureProducts? = nil, using generator: inout RandomGenerator
    ) throws -> [(block: any CurvatureBlock, statistics: BlockStatistics)] {
        try updatePlan(uses, batchSize: loss.batchSize)
        let needed = Set(plan.flatMap(\.uses)).sorted()
        let generic = zip(plan, blocks).flatMap { $1.needsParameterGradients ? $0.parameters : [] }
        let targets = needed.map { uses[$0].preActivation } + generic.map { parameters[$0].tensor }
        let others = products?.passTargets ?? []
        var sources = estimation.gradients(
            of: loss, matrix: matrix, withRespectTo: targets + others, differentiable: products != nil,
            using: &generator)
        products?.adopt(Array(sources[0].dropFirst(targets.count)))
        sources = sources.map { $0.prefix(targets.count).map { $0?.detached() } }

        let usePositions = Dictionary(uniqueKeysWithValues: needed.enumerated().map { ($0.element, $0.offset) })
        let parameterPositions = Dictionary(
            uniqueKeysWithValues: generic.enumerated().map { ($0.element, needed.count + $0.offset) })
        func reached(_ positions: [Int]) -> [Int] {
            positions.filter { position in sources.contains { $0[position] != nil } }
        }
        func gradients(_ positions: [Int]) -> [[Tensor]] {
            sources.map { source in positions.map { source[$0] ?? Tensor.zeros(like: targets[$0].detached()) } }
        }
        var unreached: [String] = []
        let statistics = zip(plan, blocks).map { plan, block in
            let isGeneric = block.needsParameterGradients
            let positions =
                isGeneric ? plan.parameters.map { parameterPositions[$0]! } : plan.uses.map { usePositions[$0]! }
            // A use that the loss does not see, of an output that is not looked at, has no curvature.
            let reached = reached(positions)
            if reached.isEmpty { unreached += block.parameters.map(\.name) }
            let statistics = BlockStatistics(
                uses: isGeneric ? [] : reached.map { uses[needed[$0]] }, gradients: isGeneric ? [] : gradients(reached),
                parameterGradients: isGeneric ? gradients(positions) : [], batchSize: loss.batchSize, decay: decay)
            return (block: block, statistics: statistics)
        }
        guard unreached.isEmpty else { throw OptimizerError.unreachedParameters(unreached) }
        return statistics
    }

    /// Finds the blocks without a batch's statistics, from the uses of a run of the model.
    mutating func plan(for uses: [LayerUse], batchSize: Int) throws {
        if !isPlanned { try updatePlan(uses, batchSize: batchSize) }
    }

    /// The same choices, to find the blocks again.
    func unplanned() -> LayerCollection {
        var layers = self
        (layers.blocks, layers.plan, layers.unknown, layers.isPlanned, layers.memory) = ([], [], [], false, nil)
        return layers
    }

    /// What to tell the user of the blocks.
    var messages: [String] { unknownMessages + wideMessages }

    /// One message for all parameters without an approximation of their own.
    private var unknownMessages: [String] {
        let names = unknown.flatMap { $0.parameters.map { parameters[$0].name } }
        guard !names.isEmpty else { return [] }
        return [
            "no approximation is known for how \(names.joined(separator: ", ")) "
                + (names.count == 1 ? "is" : "are") + " used: the "
                + (choices.unknown == .firstOrder ? "first-order rule moves " : "generic diagonal takes ")
                + (choices.unknown == .firstOrder ? (names.count == 1 ? "it" : "them") : "its place")
        ]
    }

    /// One message for each factor that is beyond the limit, of the largest; and how many others there are.
    private var wideMessages: [String] {
        let wide = (memory?.factors ?? []).filter { if case .blocks = $0.structure { true } else { false } }
            .sorted { $0.denseBytes > $1.denseBytes }
        let messages = wide.prefix(3).map { factor in
            "the \(factor.side) factor of \(factor.layer) has \(factor.dimension) rows, more than the limit of "
                + "\(settings.dimensionLimit): dense blocks of up to \(settings.blockSize) (\(bytes(factor.averageBytes))) take "
                + "the place of all entries (\(bytes(factor.denseBytes))); FactorSettings.dimensionLimit and blockSize decide"
        }
        guard wide.count > messages.count else { return messages }
        return messages + ["\(wide.count - messages.count) smaller factors are kept in blocks, too"]
    }

    /// What the blocks will take of memory, from the uses of a run of the model.
    func memory(for uses: [LayerUse], batchSize: Int) throws -> MemoryEstimate {
        if let memory { return memory }
        return memory(of: try plans(uses, batchSize: batchSize).used, uses: uses)
    }

    private func memory(of plan: [BlockPlan], uses: [LayerUse]) -> MemoryEstimate {
        let layers = plan.map { plan in
            plan.memory(of: plan.parameters.map { parameters[$0] }, uses: uses, settings: settings)
        }
        return MemoryEstimate(layers, isInBackground: isInvertedInBackground)
    }

    /// The plans of all parameters, and those that become blocks.
    private func plans(_ uses: [LayerUse], batchSize: Int) throws -> (all: [BlockPlan], used: [BlockPlan]) {
        let all = try BlockPlanner(self, uses: uses, batchSize: batchSize).plan()
        return (all, choices.unknown == .firstOrder ? all.filter { !$0.isFallback } : all)
    }

    /// The parameters that have a block; known after the first call of ``statistics(of:uses:estimation:matrix:decay:using:)``.
    var withBlocks: [NamedParameter] { blocks.flatMap(\.parameters) }

    private mutating func updatePlan(_ uses: [LayerUse], batchSize: Int) throws {
        let (all, new) = try plans(uses, batchSize: batchSize)
        if isPlanned {
            // Blocks appear in one order, so that the first difference is at one place.
            guard let changed = zip(plan, new).first(where: { !$0.isAlike($1) })?.0 else {
                plan = new
                return
            }
            throw OptimizerError.usesChanged(changed.parameters.map { parameters[$0].name })
        }
        let memory = memory(of: new, uses: uses)
        try memory.requireFitting(memoryLimit)
        blocks = try new.map { try $0.block(of: $0.parameters.map { parameters[$0] }, uses: uses, settings: settings) }
        plan = new
        unknown = all.filter(\.isFallback)
        self.memory = memory
        isPlanned = true
    }
}
