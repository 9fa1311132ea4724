import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Curvature in single precision where a prediction is nearly certain, against double precision.
@Suite struct ConfidentPredictionTests {
    /// Logits of eight examples and ten classes times a scale, and vectors in their shape.
    private func logits(_ scale: Double, seed: UInt64, _ dtype: DType = .float32) -> (Tensor, [Tensor]) {
        var generator = RandomGenerator(seed: seed)
        let z = generator.normal([8, 10], standardDeviation: scale)
        let vectors = (0..<2).map { _ in generator.normal([8, 10]) }
        return (z.to(dtype), vectors.map { $0.to(dtype) })
    }

    private func form(_ distribution: (Tensor) -> any PredictiveDistribution, _ z: Tensor, _ v: [[Tensor]]) -> Tensor {
        let z = z.copy().requiringGradient()
        let loss = Loss(distribution(z), targets: Tensor.zeros(z.shape, dtype: z.dtype))
        return CurvatureProducts(loss, parameters: [z]).quadraticForm(of: .fisher, with: v)
    }

    @Test(arguments: [10, 20, 30, 50]) func quadraticForms(scale: Double) {
        for seed in 0..<25 as Range<UInt64> {
            let (z, v) = logits(scale, seed: seed)
            let batch = form({ Categorical(logits: $0) }, z, v.map { [$0] })
            #expect(batch.dtype == .float64)
            let exact = form({ Categorical(logits: $0) }, z.to(.float64), v.map { [$0.to(.float64)] })
            for i in 0..<2 { expectClose(batch[i, i], exact[i, i], relative: 2e-6, absolute: 0) }
            let bound = (exact[0, 0] * exact[1, 1]).squareRoot()
            expectClose(batch[0, 1] / bound, exact[0, 1] / bound, absolute: 2e-6)
            // Example by example, however small the form is.
            let (single, double) = (factor(z, v[0]), factor(z.to(.float64), v[0].to(.float64)))
            let (own, expected) = (single.to(.float64).squared().sum(1), double.squared().sum(1))
            expectClose(own, expected, relative: 1e-5, absolute: 1e-36)
        }
    }

    private func factor(_ z: Tensor, _ v: Tensor) -> Tensor {
        Categorical(logits: z).fisherFactorTransposedProduct([v])
    }

    /// Each entry of F v, B u and Bᵀ v, relative to the largest entry of its example but the likeliest class's, too.
    @Test(arguments: [10, 20, 30]) func products(scale: Double) {
        for seed in 0..<25 as Range<UInt64> {
            let (z, v) = logits(scale, seed: seed)
            let (single, double) = (Categorical(logits: z), Categorical(logits: z.to(.float64)))
            let w = v[0].to(.float64)
            let pairs = [
                (single.fisherProduct([v[0]])[0], double.fisherProduct([w])[0]),
                (single.fisherFactorTransposedProduct([v[0]]), double.fisherFactorTransposedProduct([w])),
                (single.fisherFactorProduct(v[0])[0], double.fisherFactorProduct(w)[0]),
            ]
            for (computed, expected) in pairs {
                let size = expected.abs().max(1, keepingAxes: true)
                expectClose(computed.to(.float64) / size, expected / size, relative: 0, absolute: 1e-5)
            }
        }
    }

    /// Outcomes, whose factor has no differences.
    @Test(arguments: [10, 50]) func bernoulli(scale: Double) {
        for seed in 0..<25 as Range<UInt64> {
            let (z, v) = logits(scale, seed: seed)
            let single = form({ Bernoulli(logits: $0) }, z, [[v[0]]])
            let double = form({ Bernoulli(logits: $0) }, z.to(.float64), [[v[0].to(.float64)]])
            expectClose(single, double, relative: 1e-5, absolute: 0)
        }
    }
}
