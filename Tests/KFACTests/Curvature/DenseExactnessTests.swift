import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Where the Kronecker approximation is no approximation, the block is the Fisher matrix; and where it is one, not.
@Suite struct DenseExactnessTests {
    @Test(arguments: [true, false], [[4], [4, 3], [2, 3, 2]])
    func linearGaussianLayer(hasBias: Bool, batch: [Int]) throws {
        let layer = TestLayer([3, 2], hasBias: hasBias, seed: 1)
        let probe = try CurvatureProbe(layer.named("layer")) {
            let x = randomTensor(batch + [2], seed: 2)
            return Loss(Normal(mean: layer(x), variance: 0.7), targets: randomTensor(batch + [3], seed: 3))
        }
        expectClose(
            try probe[0].denseMatrix(), DenseFisher.block(of: probe.loss, layer.parameters), relative: 1e-10,
            absolute: 1e-13)
    }

    /// Without a nonlinearity, the gradients of the outputs do not depend on the example: A and G are independent.
    @Test(arguments: [true, false], [[5], [3, 4]])
    func deepLinearGaussianNetwork(hasBias: Bool, batch: [Int]) throws {
        let network = TestNetwork([3, 4, 2, 3], hasBias: hasBias)
        let probe = try CurvatureProbe(network.parameters) {
            let x = randomTensor(batch + [3], seed: 2)
            return Loss(Normal(mean: network(x), variance: 1.3), targets: randomTensor(batch + [3], seed: 3))
        }
        #expect(probe.count == 3)
        for (index, layer) in network.layers.enumerated() {
            expectClose(
                try probe[index].denseMatrix(), DenseFisher.block(of: probe.loss, layer.parameters),
                relative: 1e-10, absolute: 1e-13, "layer \(index)")
        }
    }

    enum Outputs: CaseIterable {
        case categorical
        case bernoulli
        case normal

        func loss(_ outputs: Tensor) -> Loss {
            switch self {
            case .categorical: Loss(Categorical(logits: outputs), targets: Tensor([1], shape: [1]))
            case .bernoulli: Loss(Bernoulli(logits: outputs), targets: Tensor([1.0, 0, 1], shape: [1, 3]))
            case .normal:
                Loss(Normal(mean: outputs, variance: 0.4), targets: Tensor.ones(outputs.shape, dtype: .float64))
            }
        }
    }

    /// With one example, the mean of the product is the product of the means.
    @Test(arguments: Outputs.allCases, [true, false])
    func oneExampleOfANonlinearNetwork(outputs: Outputs, hasBias: Bool) throws {
        let network = TestNetwork([2, 4, 3], hasBias: hasBias) { $0.tanh() }
        let probe = try CurvatureProbe(network.parameters) { outputs.loss(network(randomTensor([1, 2], seed: 2) * 2)) }
        for (index, layer) in network.layers.enumerated() {
            expectClose(
                try probe[index].denseMatrix(), DenseFisher.block(of: probe.loss, layer.parameters),
                relative: 1e-10, absolute: 1e-13, "layer \(index)")
        }
    }

    @Test(arguments: Outputs.allCases) func empiricalMatrixOfOneExample(outputs: Outputs) throws {
        let network = TestNetwork([2, 4, 3]) { $0.tanh() }
        let probe = try CurvatureProbe(network.parameters, estimation: .empirical) {
            outputs.loss(network(randomTensor([1, 2], seed: 2) * 2))
        }
        for (index, layer) in network.layers.enumerated() {
            expectClose(
                try probe[index].denseMatrix(), DenseFisher.empiricalBlock(of: probe.loss, layer.parameters),
                relative: 1e-10, absolute: 1e-13, "layer \(index)")
        }
    }

    /// With several examples, the curvature of a softmax depends on the example as the inputs do.
    @Test func severalExamplesOfASoftmaxAreApproximated() throws {
        let layer = TestLayer([3, 2], seed: 1)
        func error(weightScale: Double) throws -> Double {
            let scaled = TestLayer(weight: layer.weight * weightScale, bias: layer.bias.map { $0 * weightScale })
            let probe = try CurvatureProbe(scaled.named("layer")) {
                let x = randomTensor([6, 2], seed: 2)
                return Loss(Categorical(logits: scaled(x)), targets: Tensor([0, 1, 2, 0, 1, 2]))
            }
            let exact = DenseFisher.block(of: probe.loss, scaled.parameters)
            return try ((probe[0].denseMatrix() - exact).norm() / exact.norm()).scalar
        }
        #expect(try error(weightScale: 3) > 0.05)
        // The same probabilities for all examples: exact again.
        #expect(try error(weightScale: 0) < 1e-12)
    }

    /// Several uses of a weight: F ≈ R · A ⊗ G with R uses, A and G their means (Martens, Ba & Johnson 2018, 3.1).
    @Test func sharedWeight() throws {
        let shared = TestLayer([3, 3], seed: 1)
        let last = TestLayer([2, 3], seed: 4)
        let x = randomTensor([5, 3], seed: 2)
        let first = shared(x)
        let second = shared(first.tanh())
        let probe = try CurvatureProbe(shared.named("shared") + last.named("last")) {
            let hidden = shared(shared(x).tanh()).tanh()
            return Loss(Normal(mean: last(hidden)), targets: randomTensor([5, 2], seed: 3))
        }
        #expect(probe.count == 2)

        // ∂μ_k/∂s by hand, backwards from the two outputs.
        var outputGradients = Tensor.zeros([3, 3], dtype: .float64)
        for output in 0..<2 {
            let toSecond = last.weight[output].expanded(at: 0) * (1 - second.tanh().squared())
            let toFirst = toSecond.matmul(shared.weight) * (1 - first.tanh().squared())
            outputGradients += (secondMoment(toSecond) + secondMoment(toFirst)) / 10
        }
        let inputs = meanSecondMoment(Tensor.concatenate([x, first.tanh()]), hasBias: true)
        expectClose(
            try probe[0].denseMatrix(), kronecker(outputGradients, inputs) * 2, relative: 1e-10, absolute: 1e-13)
    }

    /// A frozen bias takes no part; a frozen weight's layer neither.
    @Test func onlyWhatIsOptimisedHasCurvature() throws {
        let network = TestNetwork([3, 4, 2])
        let probe = try CurvatureProbe([NamedParameter("weight", network.layers[1].weight)]) {
            Loss(Normal(mean: network(randomTensor([5, 3], seed: 2))), targets: randomTensor([5, 2], seed: 3))
        }
        #expect(probe.count == 1)
        expectClose(
            try probe[0].denseMatrix(), DenseFisher.block(of: probe.loss, [network.layers[1].weight]),
            relative: 1e-10, absolute: 1e-13)
    }
}
