import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Objectives that are not the mean of −log p, and their curvature, against dense matrices by automatic
/// differentiation.
@Suite struct ObjectiveTests {
    /// Sequences [batch 3, time 4, features 2], z = tanh(x W) V with 3 outputs at each position.
    let input = randomTensor([3, 4, 2], seed: 71)
    let parameters = [
        randomTensor([2, 4], seed: 72).requiringGradient(), randomTensor([4, 3], seed: 73).requiringGradient(),
    ]

    var output: Tensor { input.matmul(parameters[0]).tanh().matmul(parameters[1]) }
    var shapes: [[Int]] { parameters.map(\.shape) }

    @Test(arguments: ObjectiveCase.allCases) func valueAndGradientAreTheObjectives(_ kind: ObjectiveCase) {
        let made = kind.make(output)
        expectClose(made.loss.mean, made.mean, relative: 1e-12)
        expectClose(made.loss.sum, made.mean * made.normalizer, relative: 1e-12)
        #expect(abs(made.loss.normalizer - made.normalizer) < 1e-12)
        expectClose(
            Dense.vector(gradients(of: made.loss.mean, withRespectTo: parameters, keepingGraph: true)),
            Dense.vector(gradients(of: made.mean, withRespectTo: parameters, keepingGraph: true)), relative: 1e-10,
            absolute: 1e-12)
    }

    @Test(arguments: ObjectiveCase.allCases) func hessianIsThatOfTheWholeObjective(_ kind: ObjectiveCase) {
        let made = kind.make(output)
        let products = CurvatureProducts(made.loss, parameters: parameters, reduction: .mean)
        let gradient = Dense.vector(gradients(of: made.mean, withRespectTo: parameters, differentiable: true))
        let rows = (0..<gradient.count).map {
            Dense.vector(gradients(of: gradient[$0], withRespectTo: parameters, keepingGraph: true))
        }
        let dense = Dense.matrix(shapes) { products.hessianProduct(with: $0) }
        expectClose(dense, Tensor.stack(rows), relative: 1e-9, absolute: 1e-10)
    }

    @Test(arguments: ObjectiveCase.allCases, CurvatureMatrix.allCases)
    func productsFactorsAndFormsAreThoseOfTheDistribution(_ kind: ObjectiveCase, _ matrix: CurvatureMatrix) {
        let made = kind.make(output)
        let expected = curvature(made) / made.normalizer
        let products = CurvatureProducts(made.loss, parameters: parameters, reduction: .mean)
        let dense = Dense.matrix(shapes) { products.product(of: matrix, with: $0) }
        expectClose(dense, expected, relative: 1e-10, absolute: 1e-11)
        let factor = Dense.matrix(products.innerShapes(of: matrix)) { products.factorProduct(of: matrix, with: $0) }
        expectClose(factor.matmul(factor.transposed()), expected, relative: 1e-10, absolute: 1e-11)
        let transposed = Dense.matrix(shapes) { products.factorTransposedProduct(of: matrix, with: $0) }
        expectClose(transposed, factor.transposed(), relative: 1e-10, absolute: 1e-11)
        let vectors = [74, 78].map { seed in shapes.map { randomTensor($0, seed: seed) } }
        let columns = Tensor.stack(vectors.map(Dense.vector))
        expectClose(
            products.quadraticForm(of: matrix, with: vectors),
            columns.matmul(expected).matmul(columns.transposed()), relative: 1e-9, absolute: 1e-11)
    }

    @Test(arguments: ObjectiveCase.allCases, CurvatureMatrix.allCases)
    func exactEstimationIsTheCurvature(_ kind: ObjectiveCase, _ matrix: CurvatureMatrix) {
        let z = output
        let made = kind.make(z)
        let moments = sources(.exact, made.loss, matrix, z).map { Dense.outerProduct($0.reshaped([12, 3])) }
        // Each source has one position of an example.
        let sum = moments.dropFirst().reduce(moments[0], +)
        expectClose(sum, made.curvature.reshaped([12, 3, 3]), relative: 1e-10, absolute: 1e-11)
    }

    /// Draws and signs are those of the loss without weights, and their gradients have the weights' roots.
    @Test(arguments: ObjectiveCase.allCases.filter(\.isCategorical), [Estimation.sampled(), .curvaturePropagation()])
    func drawsHaveTheRootsOfTheWeights(_ kind: ObjectiveCase, _ estimation: Estimation) {
        let z = output
        let made = kind.make(z)
        let plain = Loss(Categorical(logits: z), targets: Tensor.zeros([3, 4], dtype: .int64))
        let unweighted = sources(estimation, plain, .fisher, z)
        let p = z.detached().softmax()
        // The trace of w F to that of F gives w.
        let weights = made.curvature.diagonal().sum(-1) / (p - p.squared()).sum(-1)
        for (own, one) in zip(sources(estimation, made.loss, .fisher, z), unweighted) {
            expectClose(own, one * weights.squareRoot().expanded(at: 2), relative: 1e-9, absolute: 1e-11)
        }
    }

    /// An example of weight 2 counts as two: its empirical curvature is 2 g gᵀ.
    @Test func empiricalEstimationCountsExamplesByTheirWeights() {
        let z = output
        let targets = Tensor([0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 1, 2] as [Int], shape: [3, 4])
        let weights = Tensor([2, 0, 1] as [Double])
        let weighted = moment(Loss(Categorical(logits: z), targets: targets, weights: weights), z)
        let plain = moment(Loss(Categorical(logits: z), targets: targets), z)
        expectClose(weighted, plain * weights.reshaped([3, 1, 1]), relative: 1e-12, absolute: 1e-14)
    }

    /// With an objective of its own, it is that one's gradients which the empirical estimation takes.
    @Test func empiricalEstimationTakesTheObjectivesGradients() {
        let z = output
        let objective = (z.pow(3).sum(-1) + z.sum(-1)).sum(-1)
        let weights = Tensor([2, 0.5, 1] as [Double])
        let loss =
            3
            * Loss(objective: objective, curvature: Categorical(logits: z), weights: weights)
            .adding(objective: z.exp().sum())
        let gradient = gradients(of: objective.sum(), withRespectTo: [z], keepingGraph: true)[0]
        expectClose(
            moment(loss, z), Dense.outerProduct(gradient) * (weights * 3).reshaped([3, 1, 1]), relative: 1e-12)
    }

    @Test func gaussNewtonOfAnObjectiveUsesTheTargetsThatAreGiven() {
        let z = output
        let distribution = Exponential(logMean: z.flattened(from: 1))
        let targets = randomTensor([3, 12], seed: 76, in: 0.1..<2)
        let likelihood = Loss(distribution, targets: targets)
        let other = Loss(objective: z.sum(-1).sum(-1), curvature: distribution, targets: targets)
        let v = shapes.map { randomTensor($0, seed: 77) }
        expectClose(
            Dense.vector(CurvatureProducts(other, parameters: parameters).product(of: .ggn, with: v)),
            Dense.vector(CurvatureProducts(likelihood, parameters: parameters).product(of: .ggn, with: v)),
            relative: 1e-12)
    }

    @Test func countedExamplesAreThoseThatATermLooksAt() {
        let z = output
        let targets = Tensor.zeros([3, 4], dtype: .int64)
        func loss(_ mask: [Bool]?, _ weights: [Double]? = nil) -> Loss {
            Loss(
                Categorical(logits: z), targets: targets,
                mask: mask.map { Tensor($0, shape: $0.count == 3 ? [3] : [3, 4]) }, weights: weights.map { Tensor($0) })
        }
        func counted(_ loss: Loss) -> [Bool]? { loss.countedExamples?.array() }
        let padded = [true, true, true, true, false, false, false, false, false, true, false, false]
        #expect(counted(loss(nil)) == nil)
        #expect(counted(loss([true, true, true])) == nil)
        #expect(counted(loss(padded)) == [true, false, true])
        #expect(counted(loss(nil, [0, 0.5, 1])) == [false, true, true])
        #expect(counted(loss(padded, [0, 0.5, 1])) == [false, false, true])
        // What one term looks at counts.
        #expect(counted(loss(padded, [0, 0.5, 1]) + loss([true, false, false])) == [true, false, true])
        #expect(counted(loss(padded) + loss(nil)) == nil)
        // Nor do terms without curvature make an example count.
        #expect(counted(loss(padded).adding(objective: z.sum(-1).sum(-1))) == [true, false, true])
    }

    /// The parts of a batch have the mean of the whole when they count by their normalizers, also those without
    /// anything.
    @Test(arguments: [Loss.Reduction.meanOverExamples, .meanOverPositions, .meanOverWeights])
    func partsAddUpByTheirNormalizers(_ reduction: Loss.Reduction) {
        let z = output
        let targets = Tensor([0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 1, 2] as [Int], shape: [3, 4])
        let mask = Tensor(
            [true, true, false, true, false, false, false, false, false, true, false, false], shape: [3, 4])
        let weights = randomTensor([3, 4], seed: 79, in: 0.1..<2)
        func loss(_ range: Range<Int>) -> Loss {
            Loss(
                Categorical(logits: z[range]), targets: targets[range], mask: mask[range], weights: weights[range],
                reduction: reduction)
        }
        let whole = loss(0..<3)
        let parts = (0..<3).map { loss($0..<$0 + 1) }
        let sum = parts.map { $0.mean.scalar * $0.normalizer }.reduce(0, +)
        let normalizer = parts.map(\.normalizer).reduce(0, +)
        #expect(abs(normalizer - whole.normalizer) < 1e-12)
        #expect(abs(sum / normalizer - whole.mean.scalar) < 1e-12)
        #expect(parts[1].mean.scalar == 0)
    }

    // MARK: - Helpers

    private func sources(_ estimation: Estimation, _ loss: Loss, _ matrix: CurvatureMatrix, _ z: Tensor) -> [Tensor] {
        var generator = RandomGenerator(seed: 3)
        return estimation.gradients(of: loss, matrix: matrix, withRespectTo: [z], using: &generator).map { $0[0]! }
    }

    /// Each example's g gᵀ.
    private func moment(_ loss: Loss, _ z: Tensor) -> Tensor {
        Dense.outerProduct(sources(.empirical, loss, .fisher, z)[0])
    }

    /// Jᵀ M J of the sum of the losses.
    private func curvature(_ made: ObjectiveCase.Made) -> Tensor {
        let z = output
        let jacobian = Dense.jacobian(of: [z], withRespectTo: parameters)
        let model = Dense.blockDiagonal(made.curvature.reshaped([12, 3, 3]))
        return jacobian.transposed().matmul(model).matmul(jacobian)
    }
}
