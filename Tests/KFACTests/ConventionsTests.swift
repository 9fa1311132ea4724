import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The numbers of the article on conventions.
@Suite struct ConventionsTests {
    /// The block of a layer with one weight that starts at 0, after one batch, and the gradient of the mean loss.
    private func block(
        weightShape: [Int], _ forward: (Tensor) -> Tensor, targets: Tensor
    ) throws -> (block: KroneckerBlock, gradient: Tensor) {
        let weight = Tensor.zeros(weightShape, dtype: .float64).requiringGradient()
        let (loss, uses) = recordingLayerUses { Loss(Normal(mean: forward(weight)), targets: targets) }
        var generator = RandomGenerator(seed: 0)
        let sources = Estimation.exact.gradients(
            of: loss, withRespectTo: uses.map(\.preActivation), using: &generator)
        let block = try #require(
            KroneckerBlock(
                weight: NamedParameter("weight", weight), bias: nil, operation: uses[0].operation,
                settings: FactorSettings()))
        block.updateStatistics(
            BlockStatistics(
                uses: uses, gradients: sources.map { $0.map { $0! } }, batchSize: loss.batchSize, decay: 0.95))
        return (block, gradients(of: loss.mean, withRespectTo: [weight])[0])
    }

    @Test func denseLayer() throws {
        let x = Tensor([1.0, 3.0], shape: [2, 1])
        let (block, gradient) = try block(
            weightShape: [1, 1], { linear(x, weight: $0) }, targets: Tensor([2.0, 3.0], shape: [2, 1]))
        #expect(abs(try block.curvature(damping: 0).trace() - 5) < 1e-12)
        #expect(abs(gradient.scalar + 5.5) < 1e-12)
        let free = block.apply(try block.inverseCurvature(damping: 0), to: [gradient])[0].scalar
        #expect(abs(-free - 1.1) < 1e-12)
        let damped = block.apply(try block.inverseCurvature(damping: 0.2), to: [gradient])[0].scalar
        #expect(abs(-damped - 5.5 / 7.2) < 1e-12)
    }

    @Test func convolutionLayer() throws {
        let x = Tensor([1.0, 2.0], shape: [1, 1, 2])
        let (block, _) = try block(
            weightShape: [1, 1, 1], { convolution(x, weight: $0) }, targets: Tensor.zeros([1, 1, 2], dtype: .float64))
        #expect(abs(try block.curvature(damping: 0).trace() - 5) < 1e-12)
        #expect(abs(try block.curvature(damping: 0.2).trace() - 7.2) < 1e-12)
    }
}
