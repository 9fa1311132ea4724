import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Targets drawn from the model have the model's moments.
@Suite struct SamplingTests {
    private static let draws = 4000

    /// Draws [draws, ...] of a distribution of one example, repeated along the batch.
    private static func sample(
        _ example: Tensor, _ make: (Tensor) -> any PredictiveDistribution
    ) -> Tensor {
        var generator = RandomGenerator(seed: 3)
        let repeated = example.broadcast(to: [draws] + example.shape.dropFirst()).contiguous()
        return make(repeated).sample(using: &generator)
    }

    private static func expectMean(
        _ values: Tensor, _ mean: Tensor, variance: Tensor, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let z = (values.mean(0) - mean) / (variance / Double(draws)).squareRoot()
        #expect(z.abs().max().scalar < 5, sourceLocation: sourceLocation)
    }

    @Test func categorical() {
        let logits = randomTensor([1, 2, 4], seed: 1) * 2
        let samples = Self.sample(logits) { Categorical(logits: $0) }
        #expect(samples.shape == [Self.draws, 2])
        #expect(samples.dtype == .int64)
        let oneHot = samples.oneHot(classes: 4).to(.float64)
        let p = Tensor(
            (0..<2).flatMap { DenseFisher.softmax(logits[0, $0].array()) }, shape: [2, 4])
        Self.expectMean(oneHot, p, variance: p * (1 - p))
        // Positions are independent of each other.
        let pairs = Tensor.einsum("bi,bj->bij", oneHot[.all, 0], oneHot[.all, 1])
        let joint = p[0].expanded(at: 1) * p[1].expanded(at: 0)
        Self.expectMean(pairs, joint, variance: joint * (1 - joint))
    }

    @Test func bernoulli() {
        let logits = randomTensor([1, 3], seed: 1) * 3
        let samples = Self.sample(logits) { Bernoulli(logits: $0) }
        #expect(samples.shape == [Self.draws, 3])
        let p = 1 / ((-logits[0]).exp() + 1)
        Self.expectMean(samples, p, variance: p * (1 - p))
        #expect(samples.array(of: Double.self).allSatisfy { $0 == 0 || $0 == 1 })
    }

    @Test func normal() {
        let mean = randomTensor([1, 3], seed: 1) * 3
        let variance = 0.7
        let samples = Self.sample(mean) { Normal(mean: $0, variance: variance) }
        #expect(samples.shape == [Self.draws, 3])
        #expect(samples.dtype == .float64)
        Self.expectMean(samples, mean[0], variance: Tensor.full([3], variance, dtype: .float64))
        let squares = (samples - mean[0]).squared()
        Self.expectMean(
            squares, Tensor.full([3], variance, dtype: .float64),
            variance: Tensor.full([3], 2 * variance * variance, dtype: .float64))
    }

    @Test func seedDecides() {
        let logits = randomTensor([50, 4], seed: 1)
        func sample(_ seed: UInt64) -> [Int] {
            var generator = RandomGenerator(seed: seed)
            return Categorical(logits: logits).sample(using: &generator).array()
        }
        #expect(sample(1) == sample(1))
        #expect(sample(1) != sample(2))
    }
}
