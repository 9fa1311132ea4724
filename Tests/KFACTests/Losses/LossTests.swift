import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Every distribution against closed forms in plain Swift, enumeration, finite differences and autodiff.
@Suite struct LossTests {
    /// A distribution made from free outputs, with targets that fit.
    enum Kind: CaseIterable, CustomTestStringConvertible {
        case categorical
        case categoricalSequence
        case categoricalProbabilities
        case bernoulli
        case bernoulliImage
        case normal
        case normalImage

        var testDescription: String { "\(self)" }

        var shape: [Int] {
            switch self {
            case .categorical, .categoricalProbabilities: [4, 3]
            case .categoricalSequence: [2, 3, 4]
            case .bernoulli: [5]
            case .normal: [4, 2]
            case .bernoulliImage, .normalImage: [2, 2, 3, 2]
            }
        }

        var outputs: Tensor { randomTensor(shape, seed: 1) * 2 }

        func distribution(_ outputs: Tensor) -> any PredictiveDistribution {
            switch self {
            case .categorical, .categoricalSequence, .categoricalProbabilities: Categorical(logits: outputs)
            case .bernoulli, .bernoulliImage: Bernoulli(logits: outputs)
            case .normal: Normal(mean: outputs)
            case .normalImage: Normal(mean: outputs, variance: 0.3)
            }
        }

        var targets: Tensor {
            var generator = RandomGenerator(seed: 5)
            switch self {
            case .categorical, .categoricalSequence:
                return generator.integers(shape.dropLast(), in: 0..<shape.last!)
            case .categoricalProbabilities: return randomTensor(shape, seed: 2).softmax()
            case .bernoulli, .bernoulliImage: return generator.bernoulli(Tensor.full(shape, 0.5, dtype: .float64))
            case .normal, .normalImage: return randomTensor(shape, seed: 2)
            }
        }

        /// −log p of one example, written out.
        func expected(_ z: [Double], _ targets: [Double]) -> Double {
            switch self {
            case .categorical: return -log(DenseFisher.softmax(z)[Int(targets[0])])
            case .categoricalProbabilities:
                return -zip(DenseFisher.softmax(z), targets).map { log($0) * $1 }.reduce(0, +)
            case .categoricalSequence:
                return targets.indices.map {
                    -log(DenseFisher.softmax(Array(z[4 * $0..<4 * $0 + 4]))[Int(targets[$0])])
                }
                .reduce(0, +)
            case .bernoulli, .bernoulliImage:
                return zip(z, targets).map { z, t in -log(t == 1 ? 1 / (1 + exp(-z)) : 1 / (1 + exp(z))) }.reduce(0, +)
            case .normal, .normalImage:
                let variance = self == .normal ? 1 : 0.3
                return zip(z, targets)
                    .map { z, t in -log(exp(-(t - z) * (t - z) / (2 * variance)) / (2 * .pi * variance).squareRoot()) }
                    .reduce(0, +)
            }
        }
    }

    @Test(arguments: Kind.allCases) func negativeLogLikelihood(kind: Kind) {
        let loss = Loss(kind.distribution(kind.outputs), targets: kind.targets)
        let batch = kind.shape[0]
        func rows(_ x: Tensor) -> [[Double]] {
            let values = x.array(of: Double.self)
            let width = values.count / batch
            return (0..<batch).map { Array(values[$0 * width..<($0 + 1) * width]) }
        }
        let expected = zip(rows(kind.outputs), rows(kind.targets)).map { kind.expected($0, $1) }
        expectClose(loss.perExample, Tensor(expected), relative: 1e-12, absolute: 1e-14)
        expectClose(loss.mean, Tensor(expected.reduce(0, +) / Double(batch)), relative: 1e-12)
        #expect(loss.batchSize == batch)
        #expect(loss.distributionOfOneTerm.fisherRank == kind.outputs.count / batch)
    }

    @Test(arguments: Kind.allCases) func gradientAgainstDifferences(kind: Kind) {
        expectGradientsMatch(at: [kind.outputs], secondOrder: true) {
            kind.distribution($0[0]).negativeLogLikelihood(of: kind.targets)
        }
    }

    /// F v = Σ s (sᵀ v) over all outcomes of each example, s = √p ∇(−log p).
    @Test(arguments: Kind.allCases) func fisherProductByEnumeration(kind: Kind) {
        let distribution = kind.distribution(kind.outputs)
        let v = randomTensor(kind.shape, seed: 3)
        let batch = kind.shape[0]
        let outputs = kind.outputs.reshaped([batch, -1])
        let expected = (0..<batch).map { example in
            let scores = DenseFisher.scores(of: distribution, at: outputs[example].array())
            let s = Tensor(scores.flatMap { $0 }, shape: [scores.count, outputs.shape[1]])
            return s.transposed().matmul(s.matmul(v.reshaped([batch, -1])[example]))
        }
        expectClose(
            distribution.fisherProduct([v])[0], Tensor.stack(expected).reshaped(kind.shape), relative: 1e-10,
            absolute: 1e-14)
    }

    /// All parameters are natural ones, so F is the Hessian of −log p for any targets.
    @Test(arguments: Kind.allCases) func fisherProductIsTheHessian(kind: Kind) {
        let z = kind.outputs.requiringGradient()
        let distribution = kind.distribution(z)
        let v = randomTensor(kind.shape, seed: 3)
        let gradient = gradients(
            of: distribution.negativeLogLikelihood(of: kind.targets).sum(), withRespectTo: [z], differentiable: true)
        let hessian = gradients(of: gradient[0].dot(v), withRespectTo: [z])[0]
        expectClose(distribution.fisherProduct([v])[0], hessian, relative: 1e-10, absolute: 1e-14)
    }

    @Test(arguments: Kind.allCases) func factorSquaresToTheFisher(kind: Kind) {
        let distribution = kind.distribution(kind.outputs)
        let v = randomTensor(kind.shape, seed: 3)
        let u = randomTensor([kind.shape[0], distribution.fisherRank], seed: 4)
        let transposed = distribution.fisherFactorTransposedProduct([v])
        #expect(transposed.shape == u.shape)
        expectClose(
            distribution.fisherFactorProduct(transposed)[0], distribution.fisherProduct([v])[0], relative: 1e-10,
            absolute: 1e-14)
        // ⟨B u, v⟩ = ⟨u, Bᵀ v⟩, for each example.
        let left = (distribution.fisherFactorProduct(u)[0] * v).reshaped([kind.shape[0], -1]).sum(1)
        expectClose(left, (u * transposed).sum(1), relative: 1e-10, absolute: 1e-14)
    }

    /// Curvature is a number like any other: nothing is differentiated through it.
    @Test(arguments: Kind.allCases) func curvatureIsConstant(kind: Kind) {
        let distribution = kind.distribution(kind.outputs.requiringGradient())
        let v = randomTensor(kind.shape, seed: 3)
        let u = randomTensor([kind.shape[0], distribution.fisherRank], seed: 4)
        var generator = RandomGenerator(seed: 1)
        for result in distribution.fisherProduct([v]) + distribution.fisherFactorProduct(u) + [
            distribution.fisherFactorTransposedProduct([v]), distribution.sample(using: &generator),
        ] { #expect(!result.requiresGradient) }
    }

    @Test func integerAndOneHotTargetsAgree() {
        for kind in [Kind.categorical, .categoricalSequence] {
            let distribution = kind.distribution(kind.outputs)
            let integers = distribution.negativeLogLikelihood(of: kind.targets)
            let oneHot = kind.targets.oneHot(classes: kind.shape.last!).to(.float64)
            expectClose(distribution.negativeLogLikelihood(of: oneHot), integers, relative: 1e-12)
            for dtype in [DType.int32, .uint8] {
                expectClose(distribution.negativeLogLikelihood(of: kind.targets.to(dtype)), integers, relative: 1e-15)
            }
        }
    }

    /// A shift of all logits changes nothing, so F maps to vectors whose entries sum to zero, and ones to nothing.
    @Test func softmaxHasNoCurvatureAlongOnes() {
        let distribution = Categorical(logits: Kind.categorical.outputs)
        let v = randomTensor([4, 3], seed: 3)
        expectClose(distribution.fisherProduct([v])[0].sum(1), Tensor.zeros([4], dtype: .float64), absolute: 1e-15)
        let ones = Tensor.ones([4, 3], dtype: .float64)
        expectClose(distribution.fisherProduct([ones])[0], Tensor.zeros([4, 3], dtype: .float64), absolute: 1e-15)
    }
}
