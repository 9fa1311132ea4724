import Torch

/// The blocks of a model, found from the uses of its parameters: no registration.
///
/// Uses are grouped by their weight, so that a weight used twice is one block that saw both uses.
final class LayerCollection {
    private let parameters: [NamedParameter]
    private let settings: FactorSettings
    private var blocksByWeight: [Tensor.ID: any CurvatureBlock] = [:]
    /// The blocks, in the order in which their weights stand in the list of parameters.
    private(set) var blocks: [any CurvatureBlock] = []

    init(parameters: [NamedParameter], settings: FactorSettings) {
        self.parameters = parameters
        self.settings = settings
    }

    /// The uses of each block's weight; blocks that are new are made.
    ///
    /// Uses of weights that are not among the parameters are left out.
    func grouped(_ uses: [LayerUse]) throws -> [(block: any CurvatureBlock, uses: [Int])] {
        let byID = Dictionary(parameters.map { ($0.tensor.id, $0) }, uniquingKeysWith: { first, _ in first })
        var groups: [Tensor.ID: [Int]] = [:]
        for (index, use) in uses.enumerated() where byID[use.weight.id] != nil {
            groups[use.weight.id, default: []].append(index)
        }
        for (id, indices) in groups where blocksByWeight[id] == nil {
            let use = uses[indices[0]]
            let bias = use.bias.flatMap { byID[$0.id] }
            blocksByWeight[id] = KroneckerBlock(
                weight: byID[id]!, bias: bias, operation: use.operation, settings: settings)
        }
        blocks = parameters.compactMap { blocksByWeight[$0.tensor.id] }
        try requireAllCovered()
        return parameters.compactMap { parameter in
            let id = parameter.tensor.id
            guard let indices = groups[id], let block = blocksByWeight[id] else { return nil }
            return (block, indices)
        }
    }

    private func requireAllCovered() throws {
        let covered = Set(blocks.flatMap { $0.parameters.map(\.tensor.id) })
        let missing = parameters.filter { !covered.contains($0.tensor.id) }.map(\.name)
        guard missing.isEmpty else { throw OptimizerError.parametersWithoutBlock(missing) }
    }
}
