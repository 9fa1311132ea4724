import Torch

/// Finds out what the blocks are to be, from the uses of the parameters in one forward pass.
struct BlockPlanner {
    private let parameters: [NamedParameter]
    private let choices: LayerChoices
    private let uses: [LayerUse]
    private let graph: ParameterGraph
    private let axes: ExampleAxes
    private let known: [BlockPlan]
    /// The names of custom operations that have blocks.
    private let customNames: Set<String>
    /// For each parameter, the uses as a weight and as a bias.
    private let weightUses: [[Int]]
    private let biasUses: [[Int]]
    /// For each weight, the bias of its first use, if that is optimised.
    private let biasNumbers: [Int: Int]

    /// Prepares plans for the parameters that a loss depends on.
    ///
    /// - Parameter known: The plans of earlier batches, whose axes of examples stay.
    init(
        _ layers: LayerCollection, uses: [LayerUse], graph: ParameterGraph, axes: ExampleAxes, known: [BlockPlan]
    ) {
        parameters = layers.parameters
        choices = layers.choices
        self.uses = uses
        self.graph = graph
        self.axes = axes
        self.known = known
        customNames = Set(layers.makers.keys)
        let numbers = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().filter { graph.isActive[$0.offset] }
                .map { ($0.element.tensor.id, $0.offset) })
        var weightUses: [[Int]] = parameters.map { _ in [] }
        var biasUses = weightUses
        var biasNumbers: [Int: Int] = [:]
        for (index, use) in uses.enumerated() where graph.isReached[index] {
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

    /// The plans of the blocks of all active parameters, in the order of their first ones.
    func plan() throws -> [BlockPlan] {
        let active = parameters.indices.filter { graph.isActive[$0] }
        let links = parameters.map { parameter in choices.linked.firstIndex { $0.contains(parameter.name) } }
        var joined: [Int: Int] = [:]
        for weight in active where links[weight] == nil {
            if let bias = jointBias(of: weight), links[bias] == nil { joined[weight] = bias }
        }
        let joinedBiases = Set(joined.values)

        var plans: [BlockPlan] = []
        for number in active {
            if let link = links[number] {
                let members = active.filter { links[$0] == link }
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
            biasUses[bias] == weightUses[weight], let kind = commonKind(of: weight), kind != .tied,
            isRecordedOnly(weight), isRecordedOnly(bias)
        else { return nil }
        let (own, other) = (choices.choice(for: parameters[weight].name), choices.choice(for: parameters[bias].name))
        if let other, other.name != own?.name, other.approximation != own?.approximation { return nil }
        // The gradient of a transposed convolution's bias is a sum over other locations than the weight's, and that of
        // a transposed linear layer's is no column of the weight's memory: no coordinate of a Kronecker factor.
        let isTransposed =
            kind == .transposedConvolution || uses[weightUses[weight][0]].operation == .transposedLinear
        guard isTransposed else { return bias }
        let choice = approximation(for: weight, kind, hasBias: true).choice
        return (choice == .diagonal && kind == .transposedConvolution) || choice.isGeneric ? bias : nil
    }

    private func plan(for number: Int, bias: Int?) throws -> BlockPlan {
        let members = [number] + (bias.map { [$0] } ?? [])
        let (kind, reason) = kindOrReason(of: number)
        let (choice, isExplicit) = approximation(for: number, kind, hasBias: bias != nil)
        if choice.isGeneric {
            return BlockPlan(
                parameters: members, kind: kind, approximation: choice,
                fallback: kind == .other && !isExplicit ? reason : nil)
        }
        guard kind != .other else { throw CurvatureError.approximationNotPossible(name(number), kind, choice) }
        let own = kind == .bias ? biasUses[number] : weightUses[number]
        var plan = BlockPlan(
            parameters: members, uses: own, operations: kind == .bias ? [] : operations(of: number), kind: kind,
            approximation: choice)
        guard choice.needsExamples else { return plan }
        // By default scales and biases need them.
        let fallback = BlockPlan(
            parameters: members, kind: kind, approximation: .genericDiagonal, fallback: .examplesNotFound)
        var stated = choices.batchAxis(for: parameters[number].name)
        if stated == nil {
            switch settledAxis(of: members) {
            case .axis(let axis): stated = axis
            // A batch with another number of examples might settle an open question: the average goes on as it began.
            case .notFound where !isExplicit: return fallback
            default: break
            }
        }
        guard let axis = axes.axis(of: own, stated: stated) else {
            if isExplicit { throw CurvatureError.examplesNotFound(name(number), choice) }
            return fallback
        }
        plan.batchAxis = axis
        plan.isAxisSettled = stated != nil || axes.isSettled
        return plan
    }

    /// The facts that earlier batches settled for a layer.
    private func settledAxis(of members: [Int]) -> SettledAxis? {
        known.first { $0.parameters == members }?.settledAxis
    }

    /// The kind of a parameter, with the reason where it is ``LayerKind/other``.
    private func kindOrReason(of number: Int) -> (LayerKind, FallbackReason?) {
        switch (weightUses[number].isEmpty, biasUses[number].isEmpty) {
        case (true, true): return (.other, .notRecorded)
        case _ where !isRecordedOnly(number): return (.other, .alsoUsedOtherwise)
        case _ where usesUnknownOperation(number): return (.other, .noMaker)
        case (true, false): return (.bias, nil)
        case (false, true):
            if let kind = commonKind(of: number) { return (kind, nil) }
            return (.other, .severalKinds)
        case (false, false): return (.other, .severalKinds)
        }
    }

    /// Whether a parameter goes into a custom operation as something that no maker knows.
    private func usesUnknownOperation(_ number: Int) -> Bool {
        func custom(_ use: Int) -> String? {
            if case .custom(let name) = uses[use].operation { name } else { nil }
        }
        return biasUses[number].contains { custom($0) != nil }
            || weightUses[number].compactMap(custom).contains { !customNames.contains($0) }
    }

    private func linkedPlan(_ link: LinkedParameters, _ members: [Int]) throws -> BlockPlan {
        guard link.approximation.isGeneric else {
            throw CurvatureError.approximationNotPossible(
                layerName(of: members.map { parameters[$0] }), .other, link.approximation)
        }
        return BlockPlan(parameters: members, kind: .other, approximation: link.approximation)
    }

    private func approximation(
        for number: Int, _ kind: LayerKind, hasBias: Bool
    ) -> (choice: Approximation, isExplicit: Bool) {
        choices.approximation(for: parameters[number], kind, hasBias: hasBias)
    }

    /// Whether the graph takes a parameter in by recorded uses only.
    private func isRecordedOnly(_ number: Int) -> Bool {
        graph.useCounts[number] == weightUses[number].count + biasUses[number].count
    }

    /// The operations of a weight's uses, each once.
    private func operations(of weight: Int) -> [LayerUse.Operation] {
        weightUses[weight].map { uses[$0].operation }.reduce(into: []) { operations, operation in
            if !operations.contains(operation) { operations.append(operation) }
        }
    }

    /// The kind of all uses of a weight; nil if they differ in more than how a kernel moves.
    private func commonKind(of weight: Int) -> LayerKind? {
        let operations = operations(of: weight)
        guard let first = operations.first else { return nil }
        let kind = LayerKind(first)
        if operations.count == 2, operations.allSatisfy(\.isOfVectors) { return .tied }
        let isAlike = operations.allSatisfy { operation in
            guard let geometry = first.geometry else { return operation == first }
            return LayerKind(operation) == kind && operation.geometry?.groups == geometry.groups
        }
        if case .scaleAndShift(let axes) = first, axes.contains(0) { return nil }
        return isAlike ? kind : nil
    }

    private func name(_ number: Int) -> String { layerName(of: [parameters[number]]) }
}
