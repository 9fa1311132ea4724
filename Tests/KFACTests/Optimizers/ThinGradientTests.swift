import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Gradients of few rows are preconditioned as products of thin matrices, with the same result.
@Suite struct ThinGradientTests {
    /// What is used besides the layers.
    enum Extra: Sendable, CaseIterable {
        case nothing
        /// The first weight appears once more, in a product that is no layer.
        case penalty
        /// The first layer is used twice.
        case secondUse
    }

    private struct Case {
        var configuration = KFACOptimizer.Configuration()
        var hasBias = true
        var extra = Extra.nothing
        var dtype = DType.float64
    }

    private func network(_ test: Case) -> TestNetwork {
        TestNetwork([21, 21, 16], hasBias: test.hasBias, seed: 3, dtype: test.dtype) { $0.tanh() }
    }

    private func output(_ network: TestNetwork, _ x: Tensor, _ extra: Extra) -> Tensor {
        let first = network.layers[0]
        let hidden =
            switch extra {
            case .nothing: first(x)
            case .penalty: first(x)
            case .secondUse: first(first(x).tanh())
            }
        return network.layers[1](hidden.tanh())
    }

    /// The parameters after three steps on a batch of four examples; in parts, gradients are not thin.
    private func parameters(_ test: Case, partSize: Int) throws -> [Tensor] {
        let network = network(test)
        let optimizer = KFACOptimizer(network.parameters, configuration: test.configuration)
        for step in 0..<3 {
            let x = randomTensor([4, 21], seed: 20 + UInt64(step), dtype: test.dtype)
            let targets = randomTensor([4, 16], seed: 40 + UInt64(step), dtype: test.dtype)
            try optimizer.step(examples: 4, inPartsOf: partSize) { range in
                let loss = Loss(
                    Normal(mean: output(network, x[range], test.extra), variance: 0.5), targets: targets[range])
                guard test.extra == .penalty else { return loss }
                return loss.adding(objective: network.layers[0].weight.squared().sum() * 0.1)
            }
        }
        return network.parameters.map { $0.tensor.detached() }
    }

    private func expectSame(_ test: Case, relative: Double = 1e-10) throws {
        let thin = try parameters(test, partSize: 4)
        for (thin, dense) in zip(thin, try parameters(test, partSize: 2)) {
            expectClose(thin, dense, relative: relative, absolute: relative)
        }
    }

    static let configurations: [KFACOptimizer.Configuration] = [
        .init(rule: .fixed(learningRate: 0.3), estimation: .exact, inverses: .together(every: 2)),
        .init(rule: .momentumOfGradients(learningRate: 0.3, momentum: 0.9), estimation: .exact),
        .init(rule: .quadraticModel(QuadraticModelRule()), estimation: .exact),
        .init(
            rule: .fixed(learningRate: 0.3), estimation: .exact, factors: FactorSettings(dampingSplit: .exact)),
        .init(rule: .fixed(learningRate: 0.3), estimation: .exact, regularization: Regularization(l2: 0.3)),
        .init(
            rule: .fixed(learningRate: 0.3), estimation: .exact,
            factors: FactorSettings(dimensionLimit: 20, blockSize: 15)),
    ]

    @Test(arguments: configurations.indices, [true, false])
    func stepsAreTheSame(index: Int, hasBias: Bool) throws {
        try expectSame(Case(configuration: Self.configurations[index], hasBias: hasBias))
    }

    @Test(arguments: Extra.allCases) func whatElseTheLossSeesCounts(extra: Extra) throws {
        try expectSame(Case(configuration: Self.configurations[0], extra: extra))
    }

    @Test func singlePrecision() throws {
        try expectSame(Case(configuration: Self.configurations[0], dtype: .float32), relative: 1e-4)
    }

    /// Which layers are taken in thin form: used once, with a batch of fewer rows.
    @Test(arguments: [
        (2, Extra.nothing, [true, true]), (20, .nothing, [false, false]), (2, .secondUse, [false, true]),
    ])
    func layersWithFewRowsAreThin(rows: Int, extra: Extra, isThin: [Bool]) throws {
        let network = network(Case())
        let x = randomTensor([rows, 21], seed: 5)
        let (_, uses) = recordingLayerUses { output(network, x, extra) }
        let blocks = try network.layers.enumerated().map { index, layer in
            try #require(
                KroneckerBlock(
                    weight: NamedParameter("\(index).weight", layer.weight),
                    bias: layer.bias.map { NamedParameter("\(index).bias", $0) }, operation: .linear))
        }
        #expect(blocks.map { $0.thinUse(among: uses) != nil } == isThin)
    }

    /// A gradient with another part than the layer's own is told apart.
    @Test(arguments: [DType.float64, .float32]) func otherPartsAreNoticed(dtype: DType) {
        let layer = TestLayer([16, 21], seed: 8, dtype: dtype)
        let x = randomTensor([4, 21], seed: 9, dtype: dtype)
        let (y, uses) = recordingLayerUses { layer(x) }
        let gradients = gradients(of: [y.tanh().sum()], withRespectTo: [layer.weight, y], keepingGraph: true)
        let thin = ThinGradient(uses[0], hasBias: false, gradient: gradients[1])
        #expect(thin.isEqual(to: gradients[0]))
        let small = dtype == .float64 ? 1e-13 : 1e-4
        #expect(!thin.isEqual(to: gradients[0] + layer.weight.detached() * small))
    }
}
