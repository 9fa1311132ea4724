import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What the natural gradient promises, where the blocks are exact or the theory is.
@Suite struct NaturalGradientTests {
    /// Linear-Gaussian models: one undamped step of length 1 solves the least-squares problem.
    @Test(arguments: [[20, 3], [6, 4, 3], [4, 3, 4, 5]], [true, false])
    func leastSquaresInOneStep(shape: [Int], hasBias: Bool) throws {
        let isImage = shape.count == 4
        let layer = TestLayer(isImage ? [2, 3, 2, 2] : [2, 3], hasBias: hasBias, seed: 1)
        let x = randomTensor(shape, seed: 2)
        func predict() -> Tensor {
            isImage ? convolution(x, weight: layer.weight, bias: layer.bias, padding: [1]) : layer(x)
        }
        let targets = randomTensor(predict().shape, seed: 3)
        func loss() -> Loss { Loss(Normal(mean: predict(), variance: 0.3), targets: targets) }
        // Factored damping puts its root into each factor.
        let optimizer = KFACOptimizer(
            layer.named("layer"),
            configuration: .init(
                rule: .fixed(learningRate: 1, momentum: 0), damping: 1e-22, estimation: .exact, clipping: .none))
        let report = try optimizer.step(loss)
        let after = loss().mean
        #expect(after.scalar < report.loss - 0.01)
        for gradient in gradients(of: after, withRespectTo: layer.parameters) {
            #expect(gradient.abs().max().scalar < 1e-8)
        }
    }

    /// The outputs after some steps of a network that sees x A + b in place of x, with weights that make up for it.
    private static func outputs(
        map: Tensor, shift: Tensor, damping: Double, estimation: Estimation
    ) throws -> Tensor {
        let original = TestNetwork([3, 4, 2], seed: 30)
        let x = randomTensor([40, 3], seed: 2)
        let seen = x.matmul(map) + shift
        let first = original.layers[0]
        let weight = first.weight.matmul(try map.inverse().transposed())
        let bias = first.bias! - weight.matmul(shift)
        let network = TestNetwork(layers: [TestLayer(weight: weight, bias: bias), original.layers[1]]) { $0.tanh() }
        let targets = randomTensor([40, 2], seed: 3)
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.1, momentum: 0.5), damping: .constant(damping), estimation: estimation,
                inverses: .together(every: 3),
                clipping: .none),
            generator: RandomGenerator(seed: 4))
        for _ in 0..<20 {
            try optimizer.step { Loss(Normal(mean: network(seen), variance: 0.5), targets: targets) }
        }
        return network(seen).detached()
    }

    private static let identity = Tensor.identity(3, dtype: .float64)
    private static let map = Tensor([2.0, 0.3, 0, -0.5, 0.4, 1, 0.2, 0, -3], shape: [3, 3])
    private static let shift = Tensor([1.0, -2, 0.5])

    /// Undamped, the path of the outputs does not depend on affine maps of the inputs (Martens & Grosse 2015, 10).
    @Test(arguments: [Estimation.exact, .sampled(), .curvaturePropagation()])
    func affineMapsOfTheInputsDoNotMatter(estimation: Estimation) throws {
        let zero = Tensor.zeros([3], dtype: .float64)
        func outputs(_ damping: Double, _ map: Tensor, _ shift: Tensor) throws -> Tensor {
            try Self.outputs(map: map, shift: shift, damping: damping, estimation: estimation)
        }
        expectClose(
            try outputs(1e-20, Self.map, Self.shift), try outputs(1e-20, Self.identity, zero), relative: 1e-7,
            absolute: 1e-7)
        let difference = try outputs(0.01, Self.map, Self.shift) - outputs(0.01, Self.identity, zero)
        #expect(difference.abs().max().scalar > 1e-3)
        // Rotations change no length, so that damping is the same for them.
        let rotation = try Self.map.qr().orthogonal
        expectClose(
            try outputs(0.01, rotation, zero), try outputs(0.01, Self.identity, zero), relative: 1e-10,
            absolute: 1e-11)
    }

    /// Without momentum and whatever the estimate, the loss falls along the step.
    @Test(arguments: [Estimation.sampled(), .empirical, .exact, .curvaturePropagation()], 0..<5)
    func stepsLeadDownhill(estimation: Estimation, seed: Int) throws {
        let network = TestNetwork([3, 5, 4], seed: 100 + UInt64(seed)) { $0.tanh() }
        let x = randomTensor([7, 3], seed: 200 + UInt64(seed))
        let targets = Tensor([0, 1, 2, 3, 3, 1, 0])
        func loss() -> Loss { Loss(Categorical(logits: network(x)), targets: targets) }
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.5, momentum: 0), damping: 1e-3, estimation: estimation,
                inverses: .together(every: 4),
                clipping: .none),
            generator: RandomGenerator(seed: UInt64(seed)))
        for _ in 0..<8 {
            let tensors = network.parameters.map(\.tensor)
            let slope = gradients(of: loss().mean, withRespectTo: tensors)
            let before = tensors.map { $0.detached().copy() }
            try optimizer.step(loss)
            let change = tensors.indices.reduce(0) { $0 + slope[$1].dot(tensors[$1].detached() - before[$1]).scalar }
            #expect(change < 0)
        }
    }
}
