import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Certain predictions: probabilities of zero and one give finite numbers everywhere.
@Suite struct ExtremeLossTests {
    private static func expectAllFinite(
        _ make: (Tensor) -> any PredictiveDistribution, logits: Tensor, targets: [Tensor],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let leaf = logits.requiringGradient()
        let distribution = make(leaf)
        let v = randomTensor(logits.shape, seed: 1, dtype: logits.dtype)
        let u = v.reshaped([logits.shape[0], -1])
        var generator = RandomGenerator(seed: 1)
        var results = distribution.fisherProduct([v]) + distribution.fisherFactorProduct(u)
        results.append(distribution.fisherFactorTransposedProduct([v]))
        for target in targets + [distribution.sample(using: &generator)] {
            let likelihood = distribution.negativeLogLikelihood(of: target)
            results += [likelihood] + gradients(of: likelihood.sum(), withRespectTo: [leaf])
        }
        for result in results { #expect(result.isFinite().all(), sourceLocation: sourceLocation) }
    }

    @Test(arguments: [DType.float32, .float64]) func certainClasses(dtype: DType) {
        let logits = Tensor([1e4, -1e4, 0, -1e4, -1e4, 1e4], shape: [2, 3]).to(dtype)
        let oneHot = Tensor([0, 1, 0, 1, 0, 0], shape: [2, 3]).to(dtype)
        Self.expectAllFinite(
            { Categorical(logits: $0) }, logits: logits, targets: [Tensor([0, 2]), Tensor([1, 1]), oneHot])
        let distribution = Categorical(logits: logits)
        expectClose(
            distribution.negativeLogLikelihood(of: Tensor([1, 0])), Tensor([2e4, 2e4]), relative: 1e-6)
        expectClose(distribution.negativeLogLikelihood(of: Tensor([0, 2])), Tensor([0.0, 0]), absolute: 0)
        var generator = RandomGenerator(seed: 1)
        #expect(distribution.sample(using: &generator).array(of: Int.self) == [0, 2])
        let v = randomTensor([2, 3], seed: 1, dtype: dtype)
        #expect(distribution.fisherProduct([v])[0].abs().max().scalar == 0)
    }

    @Test(arguments: [DType.float32, .float64]) func certainOutcomes(dtype: DType) {
        let logits = Tensor([1e4, -1e4, 0, 50], shape: [2, 2]).to(dtype)
        let targets = Tensor([0, 1, 0, 0], shape: [2, 2]).to(dtype)
        Self.expectAllFinite({ Bernoulli(logits: $0) }, logits: logits, targets: [targets, 1 - targets])
        expectClose(
            Bernoulli(logits: logits).negativeLogLikelihood(of: targets),
            Tensor([2e4, 50.69314718055995]), relative: 1e-6)
    }

    /// The variance p (1 − p) of a nearly certain outcome has all its digits on either side.
    @Test(arguments: [DType.float32, .float64], [20.0, -20])
    func nearlyCertainOutcomes(dtype: DType, logit: Double) {
        let distribution = Bernoulli(logits: Tensor([logit]).to(dtype))
        let expected = 2.061153613941849e-09  // 1 / (e^10 + e^-10)²
        let one = Tensor.ones([1], dtype: dtype)
        expectClose(distribution.fisherProduct([one])[0], Tensor([expected]), relative: 1e-5, absolute: 0)
        expectClose(
            distribution.fisherFactorProduct(one.reshaped([1, 1]))[0], Tensor([expected.squareRoot()]),
            relative: 1e-5, absolute: 0)
    }
}
