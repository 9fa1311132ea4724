import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// SGD and Adam against plain arithmetic, for a linear model with two weights and a bias.
@Suite struct FirstOrderTests {
    private static let x = [[1.0, 2], [-0.5, 1], [0.3, -1.5]]
    private static let targets = [1.0, -2, 0.5]

    /// The gradient of the mean of ½ (w·x + b − t)².
    private static func gradient(_ p: [Double]) -> [Double] {
        var gradient = [0.0, 0, 0]
        for (row, target) in zip(x, targets) {
            let error: Double = p[0] * row[0] + p[1] * row[1] + p[2] - target
            for (index, input) in (row + [1]).enumerated() { gradient[index] += error * input / 3 }
        }
        return gradient
    }

    /// Compares the steps of an optimiser with those of a rule on numbers.
    private static func compare(
        _ make: ([NamedParameter]) -> any Optimizer, sourceLocation: SourceLocation = #_sourceLocation,
        rule: (_ step: Int, _ p: inout [Double], _ g: [Double]) -> Void
    ) throws {
        let layer = TestLayer(weight: Tensor([0.7, -0.4], shape: [1, 2]), bias: Tensor([0.2]))
        let optimizer = make(layer.named("layer"))
        var p = [0.7, -0.4, 0.2]
        for step in 0..<7 {
            rule(step, &p, gradient(p))
            let report = try optimizer.step {
                let mean = layer(Tensor(x.flatMap { $0 }, shape: [3, 2]))
                return Loss(Normal(mean: mean), targets: Tensor(targets, shape: [3, 1]))
            }
            #expect(report.step == step, sourceLocation: sourceLocation)
            #expect(optimizer.stepCount == step + 1, sourceLocation: sourceLocation)
            expectClose(
                DenseFisher.matrix(layer.parameters).flattened(), Tensor(p), relative: 1e-12, absolute: 1e-14,
                "step \(step)", sourceLocation: sourceLocation)
        }
    }

    @Test(arguments: [
        (0, false, 0), (0.9, false, 0), (0.9, true, 0), (0, false, 0.1), (0.8, false, 0.1), (0.8, true, 0.1),
    ])
    func sgd(momentum: Double, nesterov: Bool, weightDecay: Double) throws {
        let rate = Schedule.linear(from: 0.3, to: 0.1, steps: 5)
        var velocity = [0.0, 0, 0]
        try Self.compare {
            SGD(
                $0,
                configuration: .init(
                    learningRate: rate, momentum: momentum, nesterov: nesterov, weightDecay: weightDecay))
        } rule: { step, p, g in
            let old = p
            for index in 0..<3 {
                let slope: Double = g[index] + weightDecay * old[index]
                velocity[index] = momentum * velocity[index] + slope
                let direction: Double = nesterov ? slope + momentum * velocity[index] : velocity[index]
                p[index] -= rate(step) * direction
            }
        }
    }

    @Test(arguments: [0, 0.1], [(0.9, 0.999), (0.5, 0.7)])
    func adam(weightDecay: Double, betas: (Double, Double)) throws {
        let rate = Schedule.exponential(from: 0.1, factor: 0.9)
        let epsilon = 1e-3
        var mean = [0.0, 0, 0]
        var square = [0.0, 0, 0]
        try Self.compare {
            Adam(
                $0,
                configuration: .init(
                    learningRate: rate, beta1: betas.0, beta2: betas.1, epsilon: epsilon, weightDecay: weightDecay))
        } rule: { step, p, g in
            for index in 0..<3 {
                mean[index] = betas.0 * mean[index] + (1 - betas.0) * g[index]
                square[index] = betas.1 * square[index] + (1 - betas.1) * g[index] * g[index]
                let unbiasedMean: Double = mean[index] / (1 - pow(betas.0, Double(step + 1)))
                let unbiasedSquare: Double = square[index] / (1 - pow(betas.1, Double(step + 1)))
                p[index] -= rate(step) * weightDecay * p[index]
                p[index] -= rate(step) * unbiasedMean / (unbiasedSquare.squareRoot() + epsilon)
            }
        }
    }
}
