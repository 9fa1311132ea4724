import KFAC
import Testing
import Torch

/// Misuse stops the program with a message that says what did not fit.
@Suite struct LossMisuseTests {
    @Test func likelihoods() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor.zeros([2]))
        }
        expectMessage(result, "Categorical: targets float32[2] for logits of shape [2, 3]")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = NormalMeanVariance(mean: Tensor.zeros([2, 3]), variance: Tensor.ones([2, 1]))
        }
        expectMessage(second, "NormalMeanVariance: variances of shape [2, 1] for means of shape [2, 3]")
        let third = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let distribution = NormalMeanVariance(mean: Tensor.zeros([2, 3]), variance: Tensor.ones([2, 3]))
            _ = distribution.negativeLogLikelihood(of: Tensor.zeros([2]))
        }
        expectMessage(third, "NormalMeanVariance: targets of shape [2] for means of shape [2, 3]")
    }

    /// Classes that the logits do not have.
    @Test func classesOutOfRange() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor([0, 3]))
        }
        expectMessage(result, "index 3 is out of bounds for dimension 1 with size 3")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Categorical(logits: Tensor.zeros([2, 3])), targets: Tensor([-1, 0]))
        }
        expectMessage(second, "index -1 is out of bounds for dimension 1 with size 3")
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
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let normal = Normal(mean: Tensor.zeros([2, 3]))
            _ = Loss(Careless(normal: normal, sums: false), targets: Tensor.zeros([2, 3])).mean
        }
        expectMessage(result, "Loss: Careless.negativeLogLikelihood(of:) gives [2, 3] for a batch of 2 examples")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let normal = Normal(mean: Tensor.zeros([2, 3]))
            _ = Loss(Careless(normal: normal, sums: true), targets: Tensor.zeros([2, 3])).mean
        }
        expectMessage(second, "Loss: Careless.negativeLogLikelihood(of:) gives [] for a batch of 2 examples")
    }

    @Test func sumsAndWeights() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let losses = [2, 3].map { Loss(Normal(mean: Tensor.zeros([$0, 1])), targets: Tensor.zeros([$0, 1])) }
            _ = losses[0] + losses[1]
        }
        expectMessage(result, "Loss: a sum of losses of batches of 2 and 3 examples")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = -1 * Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]))
        }
        expectMessage(second, "Loss: the weight -1.0 must be finite and at least 0")
    }

    @Test func masks() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), mask: Tensor.ones([2]))
        }
        expectMessage(result, "Loss: the mask float32[2] must be of type bool")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mask = Tensor([true, false, true])
            _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), mask: mask)
        }
        expectMessage(second, "Loss: the mask bool[3] must be of type bool and have the first axes of")
        let third = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mask = Tensor([true, false], shape: [1, 2])
            _ = Loss(Categorical(logits: Tensor.zeros([1, 2])), targets: Tensor.ones([1, 2]), mask: mask)
        }
        expectMessage(
            third,
            "Loss: a mask or weights of shape [1, 2] for Categorical, whose values per position have the shape [1]")
    }

    @Test func weightsOfPositions() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let weights = Tensor([1, -2] as [Double])
            _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), weights: weights)
        }
        expectMessage(result, "Loss: the weight -2.0 of example 1 must be finite and at least 0")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let weights = Tensor.ones([3])
            _ = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]), weights: weights)
        }
        expectMessage(second, "Loss: weights of shape [3] must have the first axes of the parameters and targets")
        let third = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let logits = Tensor.zeros([2, 3])
            _ = Loss(Categorical(logits: logits), targets: Tensor([0, 1]), classWeights: Tensor.ones([2]))
        }
        expectMessage(third, "Loss: class weights of shape [2] for logits of shape [2, 3]")
        let fourth = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let logits = Tensor.zeros([2, 3])
            _ = Loss(Categorical(logits: logits), targets: logits.softmax(), classWeights: Tensor.ones([3]))
        }
        expectMessage(fourth, "Loss: class weights need class indices for targets; float32[2, 3] were given")
    }

    @Test func objectives() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Loss(objective: Tensor.zeros([3]), curvature: Normal(mean: Tensor.zeros([2, 1])))
        }
        expectMessage(result, "Loss: an objective of shape [3] for a batch of 2 examples")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let loss = Loss(Normal(mean: Tensor.zeros([2, 1])), targets: Tensor.zeros([2, 1]))
            _ = loss.adding(objective: Tensor.zeros([2, 1]))
        }
        expectMessage(second, "Loss.adding(objective:): a tensor of shape [2, 1]; a scalar or one number for each")
        let third = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mask = Tensor([true, false], shape: [2, 1])
            _ = Loss(objective: Tensor.zeros([2]), curvature: Normal(mean: Tensor.zeros([2, 1])), mask: mask)
        }
        expectMessage(third, "Loss: a mask or weights of shape [2, 1] for Normal, whose values per position have the")
        // The Gauss–Newton matrix of parameters that are not natural depends on targets.
        let fourth = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mean = Tensor.zeros([2, 1]).requiringGradient()
            let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
            let loss = Loss(objective: mean.sum(1), curvature: distribution)
            _ = CurvatureProducts(loss, parameters: [mean]).product(of: .ggn, with: [Tensor.ones([2, 1])])
        }
        expectMessage(
            fourth, "the Gauss–Newton matrix of NormalMeanVariance, whose parameters are not natural, depends on")
    }

    @Test func matricesWithoutAFactor() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = RandomGenerator(seed: 1)
            let mean = Tensor.zeros([2, 1]).requiringGradient()
            let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
            let loss = Loss(distribution, targets: Tensor.zeros([2, 1]))
            _ = Estimation.exact.gradients(of: loss, matrix: .ggn, withRespectTo: [mean], using: &generator)
        }
        expectMessage(result, "Loss: the Gauss–Newton matrix of NormalMeanVariance has no factor")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = RandomGenerator(seed: 1)
            let mean = Tensor.zeros([2, 1]).requiringGradient()
            let distribution = NormalMeanVariance(mean: mean, variance: Tensor.ones([2, 1]))
            let loss = Loss(distribution, targets: Tensor.zeros([2, 1]))
            _ = Estimation.sampled().gradients(of: loss, matrix: .ggn, withRespectTo: [mean], using: &generator)
        }
        expectMessage(second, "do not estimate the Gauss–Newton matrix of NormalMeanVariance")
    }

    @Test func draws() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            var generator = RandomGenerator(seed: 1)
            let mean = Tensor.zeros([2, 1]).requiringGradient()
            let loss = Loss(Normal(mean: mean), targets: Tensor.zeros([2, 1]))
            _ = Estimation.sampled(draws: 0).gradients(of: loss, withRespectTo: [mean], using: &generator)
        }
        expectMessage(
            result, "Estimation: the number of draws of the estimation must be a whole number from 1 to 10000; 0")
    }

    @Test func products() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mean = Tensor.zeros([2, 1]).requiringGradient()
            let loss = Loss(Normal(mean: mean), targets: Tensor.zeros([2, 1]))
            _ = CurvatureProducts(loss, parameters: [mean]).product(of: .fisher, with: [Tensor.zeros([3])])
        }
        expectMessage(result, "CurvatureProducts: a vector of shapes [[3]] where [[2, 1]] is expected")
        let second = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let mean = Tensor.zeros([2, 1])
            _ = CurvatureProducts(Loss(Normal(mean: mean), targets: mean), parameters: [mean])
        }
        expectMessage(second, "CurvatureProducts: a parameter does not require a gradient")
    }

    private func expectMessage(
        _ result: ExitTest.Result?, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains(message), sourceLocation: sourceLocation)
    }
}
