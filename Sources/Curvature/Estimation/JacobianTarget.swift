import Torch

/// Where a direction of the parameters enters the graph of a loss, for its image under the derivatives J.
enum JacobianTarget {
    /// A parameter, by its number: the direction's part of it enters as it is.
    case parameter(Int)
    /// A layer's pre-activation: what enters is the layer with the direction's parts for its parameters, on the same
    /// input. By way of the parameters the same would take the gradient of the weight, and its derivative.
    case preActivation(LayerUse, weight: Int, bias: Int?)

    /// The places through which all of a direction enters.
    ///
    /// A parameter enters by its layers where they are all that takes it in, which the graph is asked about: a weight
    /// that is also used otherwise (shared, transposed, normalised, or by a pass back that is part of the outputs)
    /// enters as it is.
    ///
    /// - Parameters:
    ///   - parameters: What directions are of.
    ///   - uses: The uses of the run that gave the outputs, in any order; the more there are, the cheaper.
    ///   - outputs: What J differentiates.
    static func all(of parameters: [Tensor], uses: [LayerUse], outputs: [Tensor]) -> [JacobianTarget] {
        let uses = uses.filter { if case .custom = $0.operation { false } else { true } }
        let inGraph = graphUses(of: uses.map(\.preActivation), in: outputs)
        let reached = zip(uses, inGraph).filter { $1 > 0 }.map(\.0)
        let useCounts = graphUses(of: parameters, in: outputs)
        var recorded: [Tensor.ID: Int] = [:]
        for parameter in reached.flatMap(\.parameters) { recorded[parameter.id, default: 0] += 1 }
        let byLayers = parameters.indices.filter { useCounts[$0] > 0 && recorded[parameters[$0].id] == useCounts[$0] }
        var numbers = Dictionary(byLayers.map { (parameters[$0].id, $0) }, uniquingKeysWith: { first, _ in first })
        // A bias beside a weight that enters otherwise does so, too, wherever it is used.
        while let bias = reached.first(where: { numbers[$0.weight.id] == nil && $0.bias.map(isNumbered) == true })?.bias
        {
            numbers[bias.id] = nil
        }
        func isNumbered(_ tensor: Tensor) -> Bool { numbers[tensor.id] != nil }

        let layers = reached.filter { isNumbered($0.weight) }.map { use in
            JacobianTarget.preActivation(
                use, weight: numbers[use.weight.id]!, bias: use.bias.flatMap { numbers[$0.id] })
        }
        let entered = Set(numbers.values)
        return layers + parameters.indices.filter { !entered.contains($0) }.map { .parameter($0) }
    }

    /// The tensor of the graph that the derivatives are taken with respect to.
    func tensor(_ parameters: [Tensor]) -> Tensor {
        switch self {
        case .parameter(let number): parameters[number]
        case .preActivation(let use, _, _): use.preActivation
        }
    }

    /// The part of a direction that enters here, in the shape of the tensor.
    func entry(of direction: [Tensor]) -> Tensor {
        switch self {
        case .parameter(let number): direction[number]
        case .preActivation(let use, let weight, let bias):
            use.preActivation(weight: direction[weight], bias: bias.map { direction[$0] })
        }
    }
}
