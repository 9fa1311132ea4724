import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import TorchNN
import Training

@Suite struct PoissonTests {
    private static func model(_ sizes: [Int] = [2, 7, 5, 1]) -> LaplacePerceptron {
        var generator = RandomGenerator(seed: 4)
        let model = LaplacePerceptron(sizes, using: &generator)
        // Biases that are not zero, so that they are seen to go with values only.
        withoutGradients {
            for (number, layer) in model.layers.enumerated() {
                layer.weight[.all, -1] = randomTensor([layer.weight.shape[0]], seed: UInt64(number))
            }
        }
        return model
    }

    private static func problem(_ sizes: [Int] = [2, 10, 10, 1], weight: Double = 1) -> PoissonProblem {
        PoissonProblem(model: model(sizes), trainingCount: 60, testSide: 6, boundaryWeight: weight, seed: 2)
    }

    @Test(arguments: [[2, 1], [2, 6, 1], [3, 7, 5, 2]])
    func laplacianIsTheSumOfSecondDerivatives(sizes: [Int]) {
        let model = Self.model(sizes)
        let points = randomTensor([5, sizes[0]], seed: 8).requiringGradient()
        let (value, laplacian) = model.valueAndLaplacian(at: points)
        expectClose(value, model(points), relative: 1e-12, absolute: 1e-13)
        for output in 0..<sizes.last! {
            let sum = model(points)[.all, output].sum()
            let gradient = gradients(of: sum, withRespectTo: [points], differentiable: true)[0]
            let second = (0..<sizes[0]).map { axis -> Tensor in
                // A linear function's gradient depends on nothing.
                guard gradient.requiresGradient else { return Tensor.zeros([5], dtype: .float64) }
                return gradients(of: gradient[.all, axis].sum(), withRespectTo: [points], differentiable: true)[0][
                    .all, axis]
            }
            expectClose(
                laplacian[.all, output], second.dropFirst().reduce(second[0], +), relative: 1e-10, absolute: 1e-12)
        }
    }

    /// (u(x + h) + u(x − h) + … − 4 u(x)) / h².
    @Test func laplacianIsThatOfFiniteDifferences() {
        let model = Self.model()
        let points = randomTensor([6, 2], seed: 9, in: 0..<1)
        let h = 1e-4
        let shifts = [[h, 0], [-h, 0], [0, h], [0, -h]].map { Tensor($0) }
        let around = shifts.map { model(points + $0) }
        let difference = (around.dropFirst().reduce(around[0], +) - 4 * model(points)) / (h * h)
        expectClose(model.valueAndLaplacian(at: points).laplacian, difference, relative: 1e-5, absolute: 1e-6)
    }

    @Test func lossIsDifferentiable() {
        let (shape, other) = ([4, 3], [1, 5])
        expectGradientsMatch(at: [randomTensor(shape, seed: 1), randomTensor(other, seed: 2)], relative: 1e-5) {
            weights in
            let model = Self.model([2, 4, 1])
            let copy = LaplacePerceptron(layers: weights.map { Linear(weight: $0) })
            #expect(copy.layers.map(\.weight.shape) == model.layers.map(\.weight.shape))
            return copy.valueAndLaplacian(at: randomTensor([3, 2], seed: 3)).laplacian.squared()
        }
    }

    @Test func pointsAreWhereTheyBelong() {
        let problem = Self.problem()
        for batch in [problem.training, problem.test] {
            #expect(batch.interior.array(of: Double.self).allSatisfy { $0 > 0 && $0 < 1 })
            let edges = batch.boundary.array(of: Double.self)
            let pairs = stride(from: 0, to: edges.count, by: 2).map { (edges[$0], edges[$0 + 1]) }
            #expect(pairs.allSatisfy { [0, 1].contains($0) || [0, 1].contains($1) })
            #expect(pairs.allSatisfy { (0...1).contains($0) && (0...1).contains($1) })
            // On each side there is one.
            #expect(pairs.contains { $0.0 == 0 } && pairs.contains { $0.0 == 1 })
            #expect(pairs.contains { $0.1 == 0 } && pairs.contains { $0.1 == 1 })
        }
        let grid = Set(problem.test.interior.array(of: Double.self).map { ($0 * 12).rounded() })
        #expect(grid == [1, 3, 5, 7, 9, 11])
        #expect(problem.testCount == 36)
    }

    /// ½ (Δu + 2π² sin πx sin πy)² + w · ½ u², without a constant: in Swift's own arithmetic.
    @Test(arguments: [0.0, 1, 10])
    func lossIsThatOfTheResiduals(weight: Double) {
        let problem = Self.problem(weight: weight)
        let batch = problem.trainingBatch(at: Tensor([5, 0, 17]))
        let points = batch.interior.array(of: Double.self)
        let laplacian = problem.model.valueAndLaplacian(at: batch.interior).laplacian.array(of: Double.self)
        let edge = problem.model(batch.boundary).array(of: Double.self)
        let expected = (0..<3).map { index in
            let f = 2 * Double.pi * Double.pi * sin(.pi * points[2 * index]) * sin(.pi * points[2 * index + 1])
            let residual = laplacian[index] + f
            return residual * residual / 2 + weight * edge[index] * edge[index] / 2
        }
        expectClose(problem.loss(of: batch).perExample, Tensor(expected), relative: 1e-12, absolute: 1e-12)
        #expect((batch.interior .== problem.training.interior.gathered(Tensor([5, 0, 17]))).all())
    }

    /// The error of u = 0 is 1.
    @Test func errorIsRelative() throws {
        let problem = Self.problem()
        withoutGradients { for parameter in problem.parameters { parameter.tensor.fill(0) } }
        let score = problem.evaluate()
        #expect(score.examples == 36)
        #expect(abs(try #require(score.error) - 1) < 1e-12)
        // The mean of ½ (2π² sin πx sin πy)² over a grid of cells' middles is exactly ½ · 4π⁴ / 4.
        #expect(abs(score.loss - pow(.pi, 4) / 2) < 1e-9)
        #expect(problem.evaluate(limit: 5).examples == 5)
    }

    @Test func isAProblem() {
        ProblemChecks.expectParts(of: Self.problem(), count: 8)
        ProblemChecks.expectFiniteGradients(of: Self.problem(), count: 8)
    }

    @Test func trains() throws {
        try ProblemChecks.expectTraining(
            steps: 60, batchSize: 60, share: 0.3,
            configuration: .init(rule: .fixed(learningRate: 0.1), damping: 0.1, clipping: .norm(0.003))
        ) { Self.problem() }
    }
}
