import Optimization
import Torch

/// The rule of ``Muon``.
final class MuonRule: RememberingRule {
    var configuration: Muon.Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "Muon")
            adam.configuration = configuration.adam
        }
    }
    /// The numbers of the parameters that are matrices, and of the others.
    private let matrices: [Int]
    private let others: [Int]
    /// Of the matrices.
    var memory: RuleMemory<Memory>
    private let adam: AdamRule
    private let unknownNames: [String]

    struct Memory: ParameterMemory {
        /// The running mean of the gradient.
        let mean: Tensor

        var tensors: [Tensor] { [mean] }

        func save(to snapshot: inout Snapshot) { snapshot.set("mean", mean) }

        func restore(from reader: SnapshotReader) { reader.tensor("mean", into: mean) }
    }

    init(_ parameters: [NamedParameter], _ configuration: Muon.Configuration) {
        configuration.require(by: "Muon")
        self.configuration = configuration
        var matrices = parameters.indices.filter { index in
            parameters[index].tensor.rank > 1
                && !configuration.adamNames.contains { LayerChoices.name($0, contains: parameters[index].name) }
        }
        if configuration.lastMatrixHasAdam, let last = parameters.lastIndex(where: { $0.tensor.rank > 1 }) {
            matrices.removeAll { $0 == last }
        }
        self.matrices = matrices
        others = parameters.indices.filter { !matrices.contains($0) }
        memory = RuleMemory(matrices.map { parameters[$0] }) { Memory(mean: Tensor.zeros(like: $0)) }
        adam = AdamRule(others.map { parameters[$0] }, configuration.adam)
        unknownNames = LayerChoices.unknown(configuration.adamNames, among: parameters.map(\.name))
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.momentum }

    func isBounded(atStep step: Int) -> Bool {
        adam.isBounded(atStep: step) && configuration.epsilon >= 1e-15
            && Self.isBounded(
                rate: configuration.learningRate(step), decay: configuration.weightDecay,
                momentum: configuration.momentum)
    }

    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) throws(OptimizerError) {
        guard unknownNames.isEmpty else { throw OptimizerError.unknownNames(unknownNames) }
        let own = matrices.map { gradients[$0] }
        memory.begin(own)
        let directions = report.time(.preconditioning) {
            own.reached.map { (index: $0.index, direction: direction($0.gradient, mean: memory[$0.index].mean)) }
        }
        let rate = configuration.learningRate(step)
        report.time(.update) {
            for (index, direction) in directions {
                let theta = memory.parameters[index].tensor
                if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
                theta.add(inPlace: direction.reshaped(theta.shape), scale: -rate * scale(direction.shape))
            }
        }
        adam.update(others.map { gradients[$0] }, step: step, report: &report)
    }

    /// The orthogonalised momentum, as a matrix.
    private func direction(_ gradient: Tensor, mean: Tensor) -> Tensor {
        mean.interpolate(inPlaceTowards: gradient, weight: 1 - configuration.momentum)
        var momentum = mean
        if configuration.nesterov {
            momentum = mean * configuration.momentum
            momentum.add(inPlace: gradient, scale: 1 - configuration.momentum)
        }
        return orthogonalized(
            momentum.flattened(from: 1), iterations: configuration.iterations, epsilon: configuration.epsilon)
    }

    private func scale(_ shape: [Int]) -> Double {
        let (rows, columns) = (Double(shape[0]), Double(shape[1]))
        return switch configuration.scale {
        case .spectral: max(1, rows / columns).squareRoot()
        case .adam: 0.2 * max(rows, columns).squareRoot()
        }
    }
}

extension MuonRule {
    func save(to snapshot: inout Snapshot) {
        memory.save(to: &snapshot)
        snapshot.under("adam") { adam.save(to: &$0) }
    }

    func restore(from reader: SnapshotReader) {
        memory.restore(from: reader) { self.memory = $0 }
        adam.restore(from: reader.under("adam"))
    }

    func replacePoint() -> () -> Void {
        let (memory, restoreAdam) = (memory, adam.replacePoint())
        return { [self] in
            self.memory = memory
            restoreAdam()
        }
    }

    func restorePoint() -> () -> Void {
        let (memory, restore, restoreAdam) = (memory, memory.restorePoint(), adam.restorePoint())
        return { [self] in
            restore()
            self.memory = memory
            restoreAdam()
        }
    }
}
