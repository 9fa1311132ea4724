import KFAC
import TestSupport
import Testing
import Torch

/// Misuse stops the program with a message that says what did not fit.
@Suite struct LossMisuseTests {
    @Test func likelihoods() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Categorical: targets float32[2] for logits of shape [2, 3]") {
                _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor.zeros([2]))
            }
            expectTrap("NormalMeanVariance: variances of shape [2, 1] for means of shape [2, 3]") {
                _ = NormalMeanVariance(mean: Tensor.zeros([2, 3]), variance: Tensor.ones([2, 1]))
            }
            expectTrap("NormalMeanVariance: targets of shape [2] for means of shape [2, 3]") {
                let distribution = NormalMeanVariance(mean: Tensor.zeros([2, 3]), variance: Tensor.ones([2, 3]))
                _ = distribution.negativeLogLikelihood(of: Tensor.zeros([2]))
            }
            expectTrap("index 3 is out of bounds for dimension 1 with size 3") {
                _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor([0, 3]))
            }
            expectTrap("index -1 is out of bounds for dimension 1 with size 3") {
                _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor([-1, 0]))
            }
        }
    }

    /// A distribution of one's own that forgets to sum over its outputs, or sums over the examples, too.
    private struct Careless: PredictiveDistribution {
        let normal: Normal
        let sums: Bool

        var parameters: [Tensor] { normal.parameters }
        var hasNaturalParameters: Bool { true }
        var fisherRank: Int { normal.fisherRank }
        func negativeLogLikelihood(of targets: Tensor) -> Tensor {
            let squares = (targets - normal.mean).squared()
            return sums ? squares.sum() : squares
        }
        func sample(using generator: inout RandomGenerator) -> Tensor { normal.sample(using: &generator) }
        func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { normal.fisherProduct(vectors) }
        func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { normal.fisherFactorProduct(vector) }
        func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
            normal.fisherFactorTransposedProduct(vectors)
        }
    }

    @Test func likelihoodsOfOtherShapes() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Loss: Careless.negativeLogLikelihood(of:) gives [2, 3] for a batch of 2 examples") {
                let normal = Normal(mean: Tensor.zeros([2, 3]))
                _ = Loss(Careless(normal: normal, sums: false), targets: Tensor.zeros([2, 3])).mean
            }
            expectTrap("Loss: Careless.negativeLogLikelihood(of:) gives [] for a batch of 2 examples") {
                let normal = Normal(mean: Tensor.zeros([2, 3]))
                _ = Loss(Careless(normal: normal, sums: true), targets: Tensor.zeros([2, 3])).mean
            }
        }
    }

    @Test func sumsMasksAndWeights() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Loss: a sum of losses of batches of 2 and 3 examples") {
                let losses = [2, 3].map { Loss(Normal(mean: Tensor.zeros([$0, 1])), targets: Tensor.zeros([$0, 1])) }
                _ = losses[0] + losses[1]
            }
            expectTrap("Loss: the weight -1.0 must be finite and at least 0") {
                _ = -1 * Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]))
            }
            expectTrap("Loss: the mask float32[2] must be of type bool") {
                _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), mask: Tensor.ones([2]))
            }
            expectTrap("Loss: the mask bool[3] must be of type bool and have the first axes of") {
                let mask = Tensor([true, false, true])
                _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), mask: mask)
            }
            expectTrap(
                "Loss: a mask or weights of shape [1, 2] for Categorical, whose values per position have the shape [1]"
            ) {
                let mask = Tensor([true, false], shape: [1, 2])
                _ = Loss(Categorical(logits: Tensor.zeros([1, 2])), targets: Tensor.ones([1, 2]), mask: mask)
            }
            expectTrap("Loss: the weight -2.0 of example 1 must be finite and at least 0") {
                let weights = Tensor([1, -2] as [Double])
                _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), weights: weights)
            }
            expectTrap("Loss: weights of shape [3] must have the first axes of the parameters and targets") {
                let weights = Tensor.ones([3])
                _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), weights: weights)
            }
            expectTrap("Loss: class weights of shape [2] for logits of shape [2, 3]") {
                let logits = Tensor.zeros([2, 3])
                _ = Loss(Categorical(logits: logits), targets: Tensor([0, 1]), classWeights: Tensor.ones([2]))
            }
            expectTrap("Loss: class weights need class indices for targets; float32[2, 3] were given") {
                let logits = Tensor.zeros([2, 3])
                _ = Loss(Categorical(logits: logits), targets: logits.softmax(), classWeights: Tensor.ones([3]))
            }
        }
    }

    @Test func objectives() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Loss: an objective of shape [3] for a batch of 2 examples") {
                _ = Loss(objective: Tensor.zeros([3]), curvature: Normal(mean: Tensor.zeros([2, 1])))
            }
            expectTrap("Loss.adding(objective:): a tensor of shape [2, 1]; a scalar or one number for each") {
                let loss = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]))
                _ = loss.adding(objective: Tensor.zeros([2, 1]))
            }
            expectTrap("Loss: a mask or weights of shape [2, 1] for Normal, whose values per position have the") {
                let mask = Tensor([true, false], shape: [2, 1])
                _ = Loss(objective: Tensor.zeros([2]), curvature: Normal(mean: Tensor.zeros([2, 1])), mask: mask)
            }
            // The Gauss–Newton matrix of parameters that are not natural depends on targets.
            expectTrap("the Gauss–Newton matrix of NormalMeanVariance, whose parameters are not natural, depends on") {
                let mean = Tensor.zeros([2, 1]).requiringGradient()
                let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
                let loss = Loss(objective: mean.sum(1), curvature: distribution)
                _ = CurvatureProducts(loss, parameters: [mean]).product(of: .ggn, with: [Tensor.ones([2, 1])])
            }
        }
    }

    @Test func estimatesAndProducts() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Loss: the Gauss–Newton matrix of NormalMeanVariance has no factor") {
                var generator = RandomGenerator(seed: 1)
                let mean = Tensor.zeros([2, 1]).requiringGradient()
                let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
                let loss = Loss(distribution, targets: Tensor.zeros([2, 1]))
                _ = Estimation.exact.gradients(of: loss, matrix: .ggn, withRespectTo: [mean], using: &generator)
            }
            expectTrap("do not estimate the Gauss–Newton matrix of NormalMeanVariance") {
                var generator = RandomGenerator(seed: 1)
                let mean = Tensor.zeros([2, 1]).requiringGradient()
                let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
                let loss = Loss(distribution, targets: Tensor.zeros([2, 1]))
                _ = Estimation.sampled().gradients(of: loss, matrix: .ggn, withRespectTo: [mean], using: &generator)
            }
            expectTrap("Estimation: the number of draws of the estimation must be a whole number from 1 to 10000; 0") {
                var generator = RandomGenerator(seed: 1)
                let mean = Tensor.zeros([2, 1]).requiringGradient()
                let loss = Loss(Normal(mean: mean), targets: Tensor.zeros([2, 1]))
                _ = Estimation.sampled(draws: 0).gradients(of: loss, withRespectTo: [mean], using: &generator)
            }
            expectTrap("CurvatureProducts: a vector of shapes [[3]] where [[2, 1]] is expected") {
                let mean = Tensor.zeros([2, 1]).requiringGradient()
                let loss = Loss(Normal(mean: mean), targets: Tensor.zeros([2, 1]))
                _ = CurvatureProducts(loss, parameters: [mean]).product(of: .fisher, with: [Tensor.zeros([3])])
            }
            expectTrap("CurvatureProducts: a parameter does not require a gradient") {
                let mean = Tensor.zeros([2, 1])
                _ = CurvatureProducts(Loss(Normal(mean: mean), targets: mean), parameters: [mean])
            }
        }
    }
}
