import Curvature
import KFAC
import TestSupport
import Testing
import Torch

/// An operation and a block from outside of the library, by its public interface alone.
@Suite struct CustomOperationTests {
    /// y = x ∘ w, as a user would write it.
    private static func gate(_ x: Tensor, by weight: Tensor) -> Tensor {
        let y = x * weight
        LayerUse.report(LayerUse(operation: .custom("gate"), weight: weight, bias: nil, input: x, preActivation: y))
        return y
    }

    /// The exact diagonal of a gate: E[(ds ∘ x)²].
    private final class GateBlock: CurvatureBlock {
        let parameters: [NamedParameter]
        private var average: Tensor

        var name: String { parameters[0].name }

        init(_ weight: NamedParameter) {
            parameters = [weight]
            average = Tensor.zeros(like: weight.tensor.detached())
        }

        func updateStatistics(_ statistics: BlockStatistics) {
            let square = statistics.gradients.reduce(Tensor.zeros(like: average)) { sum, source in
                sum + (source[0] * statistics.uses[0].input).squared().sum(0)
            }
            average = average * statistics.decay + square * ((1 - statistics.decay) / statistics.normalizer)
        }

        func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
            try DiagonalOperator(average.copy()).damped(by: damping)
        }

        func restartStatistics() { average = Tensor.zeros(like: average) }

        func save(to snapshot: inout Snapshot) { snapshot.set("average", average) }

        func restore(from reader: SnapshotReader) { reader.tensor("average", like: average) { self.average = $0 } }

        func vector(from tensors: [Tensor]) -> Tensor { tensors[0].expanded(at: 1) }

        func tensors(from vector: Tensor) -> [Tensor] { [vector.flattened()] }
    }

    private let layer = TestLayer([3, 4], seed: 1)
    private let weight = NamedParameter("gate", parameter([3], seed: 2))

    private var parameters: [NamedParameter] { layer.named("layer") + [weight] }

    private func loss(_ step: Int) -> Loss {
        let x = randomTensor([8, 4], seed: 10 + UInt64(step))
        return Loss(
            Normal(mean: Self.gate(layer(x).tanh(), by: weight.tensor)), targets: Tensor.zeros([8, 3], dtype: .float64))
    }

    private static let makers: [String: BlockMaker] = ["gate": { weight, _, _ in GateBlock(weight) }]

    @Test func aBlockOfOnesOwnIsExactWhereItsFormulaIs() throws {
        let curvature = ModelCurvature(
            of: parameters, configuration: .init(estimation: .exact, statisticsDecay: 0), blockMakers: Self.makers)
        try curvature.update { loss(0) }
        #expect(curvature.blocks.map { $0 is GateBlock } == [false, true])
        let fisher = DenseFisher.block(of: loss(0), [weight.tensor]) { $0[0].flattened() }
        expectClose(
            try curvature.blocks[1].curvature(damping: 0).dense().diagonal(), fisher.diagonal(), relative: 1e-12)
    }

    @Test(arguments: [
        StepRule.fixed(learningRate: 0.1, momentum: 0.5), .quadraticModel(QuadraticModelRule(momentum: .optimal)),
        .eigenbasisMoments(EigenbasisMoments(learningRate: 0.05)), .grafted(GraftedDirection(learningRate: 0.05)),
    ])
    func theOptimizerTrainsWithIt(_ rule: StepRule) throws {
        let optimizer = KFACOptimizer(
            parameters, configuration: .init(rule: rule, damping: 0.1), blockMakers: Self.makers)
        let first = try optimizer.step { loss(0) }
        #expect(first.messages.isEmpty && first.guards.isEmpty)
        for step in 1..<10 { try optimizer.step { loss(step) } }
        #expect(try optimizer.step { loss(0) }.loss < first.loss)
    }

    /// A resumed run has the block, and its average, again.
    @Test func aStateHasTheBlock() throws {
        let optimizer = KFACOptimizer(parameters, blockMakers: Self.makers)
        try optimizer.step { loss(0) }
        let other = KFACOptimizer(parameters, blockMakers: Self.makers)
        try other.load(optimizer.state())
        let (own, restored) = (optimizer.state().tensors, other.state().tensors)
        #expect(own.keys.sorted() == restored.keys.sorted() && own.keys.contains("layers.blocks.gate.average"))
        for (name, tensor) in own { #expect(areSame(tensor, restored[name]!), "\(name)") }
    }

    /// Without a maker the weight gets the generic diagonal, and a message says why.
    @Test func withoutAMakerTheDiagonalTakesItsPlace() throws {
        let optimizer = KFACOptimizer(parameters)
        let report = try optimizer.step { loss(0) }
        #expect(report.messages.count == 1)
        #expect(
            report.messages[0].contains("gate, as a custom operation uses it that has no block maker")
                == true)
    }
}
