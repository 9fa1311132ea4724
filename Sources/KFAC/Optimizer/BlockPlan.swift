import Torch

/// What one block is to be: parameters, what is done with them, and the approximation.
struct BlockPlan {
    /// Numbers of parameters in the list; the weight first, then its bias.
    let parameters: [Int]
    /// Numbers of the uses that tell of them, in the order of the calls.
    var uses: [Int] = []
    let kind: LayerKind
    let approximation: Approximation
    /// Whether the generic block is there for want of a better one.
    var isFallback = false

    /// Whether two plans are the same but for the uses.
    func isAlike(_ other: BlockPlan) -> Bool {
        parameters == other.parameters && kind == other.kind && approximation == other.approximation
    }

    /// Makes the block.
    func block(
        of parameters: [NamedParameter], uses: [LayerUse], settings: FactorSettings
    ) throws -> any CurvatureBlock {
        guard let block = makeBlock(parameters, uses: uses, settings: settings) else {
            throw OptimizerError.approximationNotPossible(layerName(of: parameters), kind, approximation)
        }
        return block
    }

    private func makeBlock(
        _ parameters: [NamedParameter], uses: [LayerUse], settings: FactorSettings
    ) -> (any CurvatureBlock)? {
        let (first, second) = (parameters[0], parameters.dropFirst().first)
        switch approximation {
        case .genericDiagonal: return FactorBlock(generic: parameters, isFull: false, settings: settings)
        case .genericFull: return FactorBlock(generic: parameters, isFull: true, settings: settings)
        default: break
        }
        if kind == .bias { return FactorBlock(bias: first, approximation: approximation, settings: settings) }
        guard let operation = self.uses.first.map({ uses[$0].operation }) else { return nil }
        switch (operation, approximation) {
        case (.scaleAndShift(let axes), _):
            return FactorBlock(
                scale: first, shift: second, axes: axes, approximation: approximation, settings: settings)
        case (_, .kronecker(let input, let output, let sharing)):
            return KroneckerBlock(
                weight: first, bias: second, operation: operation, inputStructure: input, outputStructure: output,
                sharing: sharing, settings: settings)
        case (.convolution(let geometry), .uncorrelatedPixels):
            return KroneckerBlock(uncorrelatedPixels: first, bias: second, geometry: geometry, settings: settings)
        case (.linear, .timeSeries(let form)):
            return TimeSeriesBlock(weight: first, bias: second, form: form, settings: settings)
        case (_, .diagonal):
            return FactorBlock(diagonalOf: first, bias: second, operation: operation, settings: settings)
        default: return nil
        }
    }
}

/// Finds out what the blocks are to be, from the uses of the parameters in one forward pass.
struct BlockPlanner {
    private let parameters: [NamedParameter]
    private let choices: LayerChoices
    private let allNames: [String]
    private let uses: [LayerUse]
    private let batchSize: Int
    /// For each parameter, the uses as a weight and as a bias.
    private let weightUses: [[Int]]
    private let biasUses: [[Int]]
    /// For each weight, the bias of its first use, if that is optimised.
    private let biasNumbers: [Int: Int]

    init(_ layers: LayerCollection, uses: [LayerUse], batchSize: Int) {
        parameters = layers.parameters
        choices = layers.choices
        allNames = layers.allNames
        self.uses = uses
        self.batchSize = batchSize
        let numbers = Dictionary(
            uniqueKeysWithValues: layers.parameters.enumerated().map { ($0.element.tensor.id, $0.offset) })
        var weightUses: [[Int]] = parameters.map { _ in [] }
        var biasUses = weightUses
        var biasNumbers: [Int: Int] = [:]
        for (index, use) in uses.enumerated() {
            let weight = numbers[use.weight.id]
            let bias = use.bias.flatMap { numbers[$0.id] }
            if let weight, weightUses[weight].isEmpty { biasNumbers[weight] = bias }
            if let weight { weightUses[weight].append(index) }
            if let bias { biasUses[bias].append(index) }
        }
        self.weightUses = weightUses
        self.biasUses = biasUses
        self.biasNumbers = biasNumbers
    }

    /// The plans of all blocks, in the order of their first parameters.
    func plan() throws -> [BlockPlan] {
        try requireKnownNames()
        let links = parameters.map { parameter in choices.linked.firstIndex { $0.contains(parameter.name) } }
        var joined: [Int: Int] = [:]
        for weight in parameters.indices where links[weight] == nil {
            if let bias = jointBias(of: weight), links[bias] == nil { joined[weight] = bias }
        }
        let joinedBiases = Set(joined.values)

        var plans: [BlockPlan] = []
        for number in parameters.indices {
            if let link = links[number] {
                let members = parameters.indices.filter { links[$0] == link }
                guard members[0] == number else { continue }
                plans.append(try linkedPlan(choices.linked[link], members))
            } else if !joinedBiases.contains(number) {
                plans.append(try plan(for: number, bias: joined[number]))
            }
        }
        return plans
    }

    /// The bias that is treated together with a weight: one that goes with this weight and no other in all of its uses.
    private func jointBias(of weight: Int) -> Int? {
        guard let bias = biasNumbers[weight], bias != weight, weightUses[bias].isEmpty,
            biasUses[weight].isEmpty, biasUses[bias] == weightUses[weight], commonKind(of: weight) != nil
        else { return nil }
        let (own, other) = (choices.choice(for: parameters[weight].name), choices.choice(for: parameters[bias].name))
        guard other == nil || other!.name == own?.name || other!.approximation == own?.approximation else { return nil }
        guard let own, own.approximation.isGeneric else {
            // Its gradient is a sum over other locations than the weight's, unless it is formed for each example.
            let isSeparable = commonKind(of: weight) == .transposedConvolution
            return isSeparable && approximation(for: weight, .transposedConvolution, hasBias: true).choice != .diagonal
                ? nil : bias
        }
        return bias
    }

    private func plan(for number: Int, bias: Int?) throws -> BlockPlan {
        let fallback = BlockPlan(
            parameters: [number], kind: .other,
            approximation: approximation(for: number, .other, hasBias: false).choice, isFallback: true)
        let members = [number] + (bias.map { [$0] } ?? [])
        let (kind, own): (LayerKind, [Int])
        switch (weightUses[number].isEmpty, biasUses[number].isEmpty) {
        case (true, false): (kind, own) = (.bias, biasUses[number])
        case (false, true):
            guard let common = commonKind(of: number) else { return try chosen(fallback) }
            (kind, own) = (common, weightUses[number])
        default: return try chosen(fallback)
        }
        let (choice, isExplicit) = approximation(for: number, kind, hasBias: bias != nil)
        guard !choice.isGeneric else { return BlockPlan(parameters: members, kind: kind, approximation: choice) }
        if choice.needsExamples(of: kind), !own.allSatisfy({ hasExamples(uses[$0]) }) {
            // Biases and scales by default: the first axis is not that of the examples.
            guard isExplicit else {
                return BlockPlan(parameters: members, kind: kind, approximation: .genericDiagonal, isFallback: true)
            }
            throw OptimizerError.examplesNotFound(name(number), choice)
        }
        return BlockPlan(parameters: members, uses: own, kind: kind, approximation: choice)
    }

    /// A generic block of which the user knows needs no message; one that was to be something else is an error.
    private func chosen(_ plan: BlockPlan) throws -> BlockPlan {
        let number = plan.parameters[0]
        guard plan.approximation.isGeneric else {
            throw OptimizerError.approximationNotPossible(name(number), .other, plan.approximation)
        }
        var plan = plan
        plan.isFallback = !approximation(for: number, .other, hasBias: false).isExplicit
        return plan
    }

    private func linkedPlan(_ link: LinkedParameters, _ members: [Int]) throws -> BlockPlan {
        guard link.approximation.isGeneric else {
            throw OptimizerError.approximationNotPossible(
                layerName(of: members.map { parameters[$0] }), .other, link.approximation)
        }
        return BlockPlan(parameters: members, kind: .other, approximation: link.approximation)
    }

    private func approximation(
        for number: Int, _ kind: LayerKind, hasBias: Bool
    ) -> (choice: Approximation, isExplicit: Bool) {
        let choice = choices.choice(for: parameters[number].name)
        // A choice for a whole layer is meant for its weight, and reaches a bias by itself only where it can.
        if let choice, kind != .bias || choice.name == parameters[number].name || choice.approximation.isForBiases {
            return (choice.approximation, true)
        }
        if let choice = choices.kinds[kind] { return (choice, true) }
        return (kind.defaultApproximation(hasBias: hasBias, count: parameters[number].tensor.count), false)
    }

    /// The kind of all uses of a weight; nil where they differ in more than how a kernel moves.
    private func commonKind(of weight: Int) -> LayerKind? {
        let operations = weightUses[weight].map { uses[$0].operation }
        guard let first = operations.first else { return nil }
        let kind = LayerKind(first)
        let isFree = kind == .convolution && !needsOneGeometry(weight)
        let isAlike = operations.allSatisfy { operation in
            LayerKind(operation) == kind && (isFree || operation == first)
        }
        if case .scaleAndShift(let axes) = first, axes.contains(0) { return nil }
        return isAlike ? kind : nil
    }

    private func needsOneGeometry(_ weight: Int) -> Bool {
        approximation(for: weight, .convolution, hasBias: false).choice == .diagonal
    }

    /// Whether the first axis is that of the examples.
    private func hasExamples(_ use: LayerUse) -> Bool {
        use.preActivation.rank > 1 && use.preActivation.shape[0] == batchSize && use.input.shape[0] == batchSize
    }

    private func name(_ number: Int) -> String { layerName(of: [parameters[number]]) }

    private func requireKnownNames() throws {
        let unknown = choices.allNames.filter { name in
            !allNames.contains { LayerChoices.name(name, contains: $0) }
        }
        guard unknown.isEmpty else { throw OptimizerError.unknownNames(unknown) }
    }
}

extension Approximation {
    /// Whether any parameters can have it.
    var isGeneric: Bool { self == .genericDiagonal || self == .genericFull }

    /// Whether a bias by itself can have it.
    var isForBiases: Bool { isGeneric || self == .diagonal || self == .full }

    /// Whether each example must be told from the others, not only each position.
    func needsExamples(of kind: LayerKind) -> Bool {
        switch self {
        case .kronecker(_, _, let sharing): sharing == .reduce
        case .diagonal, .full, .unitwise, .timeSeries: true
        case .uncorrelatedPixels, .genericDiagonal, .genericFull: false
        }
    }
}
