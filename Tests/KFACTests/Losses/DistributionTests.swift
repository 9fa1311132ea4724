import KFAC
import TestSupport
import Testing
import Torch

/// Each distribution's F, B and H against enumeration and automatic differentiation, in double precision.
@Suite struct DistributionTests {
    let z = randomTensor([3, 4], seed: 3, in: -2..<2).requiringGradient()

    @Test(arguments: DistributionCase.allCases) func fisherIsTheMeanOverAllOutcomes(_ kind: DistributionCase) {
        let distribution = kind.make(z)
        var expected = Tensor.zeros([3, 4, 4], dtype: .float64)
        var total = Tensor.zeros([3], dtype: .float64)
        for (targets, probability) in kind.outcomes(distribution) {
            expected += Dense.outerProduct(score(distribution, targets)) * probability.reshaped([3, 1, 1])
            total += probability
        }
        expectClose(total, Tensor.ones([3], dtype: .float64), relative: 1e-12)
        expectClose(fisher(distribution), expected, relative: 1e-10, absolute: 1e-10)
    }

    @Test(arguments: [DistributionCase.categorical, .categoricalSequence, .bernoulli])
    func likelihoodsOfAllOutcomesAreTheirProbabilities(_ kind: DistributionCase) {
        let distribution = kind.make(z)
        for (targets, probability) in kind.outcomes(distribution) {
            expectClose((-distribution.negativeLogLikelihood(of: targets)).exp(), probability, relative: 1e-12)
        }
    }

    @Test(arguments: DistributionCase.allCases) func fisherIsItsFactorTimesTheTransposed(_ kind: DistributionCase) {
        let distribution = kind.make(z)
        let factor = Dense.perExample([[3, distribution.fisherRank]]) { distribution.fisherFactorProduct($0[0]) }
        expectClose(factor.matmul(factor.transposed()), fisher(distribution), relative: 1e-10, absolute: 1e-12)
        let transposed = Dense.perExample(shapes(distribution)) { [distribution.fisherFactorTransposedProduct($0)] }
        expectClose(transposed, factor.transposed(), relative: 1e-12, absolute: 1e-12)
    }

    @Test(arguments: DistributionCase.allCases) func hessianIsThatOfAutomaticDifferentiation(_ kind: DistributionCase) {
        let distribution = kind.make(z)
        for seed in [7, 8] as [UInt64] {
            let targets = kind.targets(batch: 3, seed: seed)
            let computed = Dense.perExample(shapes(distribution)) {
                distribution.hessianProduct($0, targets: targets)
            }
            expectClose(computed, hessian(distribution, targets), relative: 1e-10, absolute: 1e-10)
            if distribution.hasNaturalParameters {
                expectClose(computed, fisher(distribution), relative: 1e-12, absolute: 1e-12)
            }
        }
    }

    @Test(arguments: DistributionCase.convex) func hessianIsItsFactorTimesTheTransposed(
        _ kind: DistributionCase
    ) throws {
        let distribution = kind.make(z)
        let targets = kind.targets(batch: 3)
        let rank = try #require(distribution.hessianRank)
        let factor = Dense.perExample([[3, rank]]) { distribution.hessianFactorProduct($0[0], targets: targets) }
        let product = Dense.perExample(shapes(distribution)) { distribution.hessianProduct($0, targets: targets) }
        expectClose(factor.matmul(factor.transposed()), product, relative: 1e-10, absolute: 1e-12)
        let transposed = Dense.perExample(shapes(distribution)) {
            [distribution.hessianFactorTransposedProduct($0, targets: targets)]
        }
        expectClose(transposed, factor.transposed(), relative: 1e-12, absolute: 1e-12)
    }

    /// Where the parameters are not natural, H depends on the targets and only its expectation is F.
    @Test(arguments: [DistributionCase.normalMeanVariance, .exponential])
    func hessianOfUnnaturalParametersIsTheFisherInTheMeanOnly(_ kind: DistributionCase) {
        let distribution = kind.make(z)
        #expect(!distribution.hasNaturalParameters)
        var mean = Tensor.zeros([3, 4, 4], dtype: .float64)
        var greatestDifference = 0.0
        for (targets, probability) in kind.outcomes(distribution) {
            let hessian = hessian(distribution, targets)
            mean += hessian * probability.reshaped([3, 1, 1])
            greatestDifference = max(greatestDifference, (hessian - fisher(distribution)).abs().max().scalar)
        }
        expectClose(mean, fisher(distribution), relative: 1e-10, absolute: 1e-10)
        #expect(greatestDifference > 0.1)
    }

    @Test func normalWithMeanAndVarianceHasTheClosedForms() {
        let (mean, variance) = (randomTensor([5, 1], seed: 1), randomTensor([5, 1], seed: 2, in: 0.3..<2))
        let distribution = NormalMeanVariance(mean: mean, variance: variance)
        let targets = randomTensor([5, 1], seed: 3, in: -2..<2)
        let (v, r) = (variance.expanded(at: 2), (targets - mean).expanded(at: 2))
        func matrix(_ a: Tensor, _ b: Tensor, _ d: Tensor) -> Tensor {
            Tensor.concatenate(
                [Tensor.concatenate([a, b], axis: 2), Tensor.concatenate([b, d], axis: 2)], axis: 1)
        }
        let fisher = matrix(1 / v, Tensor.zeros(like: v), 0.5 / v.squared())
        let hessian = matrix(1 / v, r / v.squared(), r.squared() / v.pow(3) - 0.5 / v.squared())
        expectClose(Dense.perExample(shapes(distribution), distribution.fisherProduct), fisher, relative: 1e-12)
        let computed = Dense.perExample(shapes(distribution)) { distribution.hessianProduct($0, targets: targets) }
        expectClose(computed, hessian, relative: 1e-12)
        // Indefinite whatever the target, so that there is no factor.
        let determinant = computed[.all, 0, 0] * computed[.all, 1, 1] - computed[.all, 0, 1].squared()
        expectClose(determinant, variance.pow(-3)[.all, 0] * -0.5, relative: 1e-10)
        #expect(distribution.hessianRank == nil)
    }

    /// Of the same distribution with one variance for all, the part for the means is that of the fixed variance.
    @Test func normalWithMeanAndVarianceContainsTheOneWithFixedVariance() {
        let mean = randomTensor([3, 2], seed: 1)
        let targets = randomTensor([3, 2], seed: 2)
        let fixed = Normal(mean: mean, variance: 0.7)
        let both = NormalMeanVariance(mean: mean, variance: Tensor.full(like: mean, 0.7))
        expectClose(both.negativeLogLikelihood(of: targets), fixed.negativeLogLikelihood(of: targets), relative: 1e-12)
        let v = randomTensor([3, 2], seed: 3)
        expectClose(both.fisherProduct([v, v])[0], fixed.fisherProduct([v])[0], relative: 1e-12)
    }

    @Test func classesCanBeGivenInFourForms() {
        let classes = Tensor([2, 0, 1] as [Int])
        let logits = randomTensor([3, 4])
        let distribution = Categorical(logits: logits)
        let expected = distribution.negativeLogLikelihood(of: classes)
        let oneHot = classes.oneHot(classes: 4)
        for targets in [classes.to(.int32), classes.to(.uint8), oneHot, oneHot.to(.float32), oneHot .!= 0] {
            expectClose(distribution.negativeLogLikelihood(of: targets), expected, relative: 1e-14)
        }
        // Probabilities: the mean over the classes.
        let probabilities = randomTensor([3, 4], seed: 9).softmax()
        let mean = (0..<4).map { label in
            let all = Tensor.full([3], Double(label), dtype: .int64)
            return distribution.negativeLogLikelihood(of: all) * probabilities[.all, label]
        }
        expectClose(
            distribution.negativeLogLikelihood(of: probabilities), Tensor.stack(mean).sum(0), relative: 1e-12)
    }

    /// q = √p instead of a division by √p: a class that is impossible does no harm.
    @Test func impossibleClassesAreHarmless() {
        let distribution = Categorical(logits: Tensor([0, -1e4, 1] as [Double], shape: [1, 3]))
        let vector = Tensor([1, 2, 3] as [Double], shape: [1, 3])
        for product in [
            distribution.fisherProduct([vector])[0], distribution.fisherFactorProduct(vector)[0],
            distribution.fisherFactorTransposedProduct([vector]),
        ] {
            #expect(product.isFinite().all())
            #expect(product[0, 1].scalar == 0)
        }
        #expect(distribution.fisherProduct([vector])[0].sum().scalar.magnitude < 1e-14)
    }

    private func score(_ distribution: any PredictiveDistribution, _ targets: Tensor) -> Tensor {
        let sum = distribution.negativeLogLikelihood(of: targets).sum()
        let parts = gradients(of: sum, withRespectTo: distribution.parameters, keepingGraph: true)
        return Tensor.concatenate(parts.map { $0.flattened(from: 1) }, axis: 1)
    }

    private func shapes(_ distribution: any PredictiveDistribution) -> [[Int]] { distribution.parameters.map(\.shape) }

    private func fisher(_ distribution: any PredictiveDistribution) -> Tensor {
        Dense.perExample(shapes(distribution), distribution.fisherProduct)
    }

    private func hessian(_ distribution: any PredictiveDistribution, _ targets: Tensor) -> Tensor {
        let sum = distribution.negativeLogLikelihood(of: targets).sum()
        let slopes = gradients(of: sum, withRespectTo: distribution.parameters, differentiable: true)
        return Dense.perExample(shapes(distribution)) { vectors in
            gradients(
                of: slopes, weightedBy: vectors, withRespectTo: distribution.parameters, keepingGraph: true)
        }
    }
}
