import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What the unit of the loss, the number of examples and their order may not change.
@Suite struct ScaleLawTests {
    /// A model of each kind of layer with a Gaussian loss.
    enum Model: CaseIterable {
        case dense
        case sequence
        case image
        case line
        case shared

        var layers: [TestLayer] {
            switch self {
            case .dense, .sequence, .shared: [TestLayer([3, 3], seed: 1), TestLayer([2, 3], hasBias: false, seed: 2)]
            case .image: [TestLayer([3, 2, 3, 3], seed: 1), TestLayer([2, 3, 1, 2], hasBias: false, seed: 2)]
            case .line: [TestLayer([3, 2, 3], hasBias: false, seed: 1), TestLayer([2, 3, 2], seed: 2)]
            }
        }

        var input: Tensor {
            switch self {
            case .dense, .shared: randomTensor([6, 3], seed: 3)
            case .sequence: randomTensor([4, 3, 3], seed: 3)
            case .image: randomTensor([3, 2, 4, 4], seed: 3)
            case .line: randomTensor([3, 2, 7], seed: 3)
            }
        }

        func callAsFunction(_ x: Tensor, _ layers: [TestLayer]) -> Tensor {
            let (first, second) = (layers[0], layers[1])
            switch self {
            case .dense, .sequence: return second(first(x).tanh())
            case .shared: return second(first(first(x).tanh()).tanh())
            case .image:
                let hidden = convolution(x, weight: first.weight, bias: first.bias, stride: [2, 1], padding: [1])
                return convolution(hidden.tanh(), weight: second.weight, bias: second.bias)
            case .line:
                let hidden = convolution(x, weight: first.weight, bias: first.bias, padding: [2], dilation: [2])
                return convolution(hidden.tanh(), weight: second.weight, bias: second.bias, stride: [2])
            }
        }

        /// The changes of the parameters over some steps, as one vector.
        func run(
            scale: Double = 1, damping: Double, estimation: Estimation, steps: Int = 3, input: Tensor? = nil,
            targets: Tensor? = nil
        ) throws -> Tensor {
            let x = input ?? self.input
            let layers = layers
            let y = targets ?? self.targets
            let parameters = layers.enumerated().flatMap { $0.element.named("\($0.offset)") }
            let before = parameters.map { $0.tensor.detached().copy().flattened() }
            let optimizer = KFACOptimizer(
                parameters,
                configuration: .init(
                    rule: .fixed(learningRate: 0.1), damping: .constant(damping), estimation: estimation,
                    inverses: .together(every: 2),
                    clipping: .none),
                generator: RandomGenerator(seed: 4))
            for _ in 0..<steps {
                try optimizer.step { Loss(Normal(mean: self(x, layers), variance: 1 / scale), targets: y) }
            }
            return Tensor.concatenate(zip(parameters, before).map { $0.tensor.detached().flattened() - $1 })
        }

        var targets: Tensor { randomTensor(self(input, layers).shape, seed: 5) }
    }

    /// The loss and the damping times c: the same step.
    @Test(arguments: Model.allCases, [Estimation.sampled(), .sampled(draws: 2), .exact, .curvaturePropagation()])
    func unitOfTheLoss(model: Model, estimation: Estimation) throws {
        let one = try model.run(damping: 0.05, estimation: estimation)
        let scaled = try model.run(scale: 7, damping: 0.05 * 7, estimation: estimation)
        expectClose(scaled, one, relative: 1e-9, absolute: 1e-12)
        // The damping does matter here.
        #expect(try (model.run(damping: 0.35, estimation: estimation) - one).norm().scalar > 1e-3 * one.norm().scalar)
    }

    /// The empirical matrix is no curvature: it has the unit of the loss squared.
    @Test(arguments: Model.allCases) func empiricalMatrixIsQuadraticInTheLoss(model: Model) throws {
        let one = try model.run(damping: 0.05, estimation: .empirical, steps: 1)
        let scaled = try model.run(scale: 7, damping: 0.05 * 49, estimation: .empirical, steps: 1)
        expectClose(scaled, one / 7, relative: 1e-9, absolute: 1e-12)
    }

    /// Each example twice, in another order.
    @Test(arguments: Model.allCases, [Estimation.exact, .empirical])
    func numberOfExamples(model: Model, estimation: Estimation) throws {
        let one = try model.run(damping: 0.05, estimation: estimation)
        func twice(_ x: Tensor) -> Tensor { Tensor.concatenate([x, x.flipped(0)]) }
        let doubled = try model.run(
            damping: 0.05, estimation: estimation, input: twice(model.input), targets: twice(model.targets))
        expectClose(doubled, one, relative: 1e-9, absolute: 1e-12)
    }
}
