import Torch

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
        guard let bias = biasNumbers[weight], weightUses[bias].isEmpty, biasUses[weight].isEmpty,
            biasUses[bias] == weightUses[weight], let kind = commonKind(of: weight)
        else { return nil }
        let (own, other) = (choices.choice(for: parameters[weight].name), choices.choice(for: parameters[bias].name))
        if let other, other.name != own?.name, other.approximation != own?.approximation { return nil }
        guard kind == .transposedConvolution else { return bias }
        // Its gradient is a sum over other locations than the weight's: no coordinate of a Kronecker factor.
        let choice = approximation(for: weight, kind, hasBias: true).choice
        return choice == .diagonal || choice.isGeneric ? bias : nil
    }

    private func plan(for number: Int, bias: Int?) throws -> BlockPlan {
        let members = [number] + (bias.map { [$0] } ?? [])
        let kind: LayerKind =
            switch (weightUses[number].isEmpty, biasUses[number].isEmpty) {
            case (true, false): .bias
            case (false, true): commonKind(of: number) ?? .other
            default: .other
            }
        let (choice, isExplicit) = approximation(for: number, kind, hasBias: bias != nil)
        if choice.isGeneric {
            return BlockPlan(
                parameters: members, kind: kind, approximation: choice, isFallback: kind == .other && !isExplicit)
        }
        guard kind != .other else { throw OptimizerError.approximationNotPossible(name(number), kind, choice) }
        let own = kind == .bias ? biasUses[number] : weightUses[number]
        guard !choice.needsExamples || own.allSatisfy({ hasExamples(uses[$0]) }) else {
            if isExplicit { throw OptimizerError.examplesNotFound(name(number), choice) }
            // By default scales and biases need them.
            return BlockPlan(parameters: members, kind: kind, approximation: .genericDiagonal, isFallback: true)
        }
        return BlockPlan(parameters: members, uses: own, kind: kind, approximation: choice)
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
        let isAlike = operations.allSatisfy { operation in
            guard let geometry = first.geometry else { return operation == first }
            return LayerKind(operation) == kind && operation.geometry?.groups == geometry.groups
        }
        if case .scaleAndShift(let axes) = first, axes.contains(0) { return nil }
        return isAlike ? kind : nil
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
