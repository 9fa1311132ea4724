import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A loss whose gradients with respect to the parameters are the given ones, whatever the parameters are.
func linearLoss(_ parameters: [NamedParameter], gradients: [Tensor]) -> Loss {
    let products = zip(parameters, gradients).map { ($0.tensor * $1).sum() }
    let mean = products.dropFirst().reduce(products[0], +).reshaped([1, 1])
    // The derivative of ½ (m − t)² is m − t = 1.
    return Loss(Normal(mean: mean), targets: mean.detached() - 1)
}

/// One configuration of each first-order method, with the name of what it is.
struct Method: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let rule: FirstOrderRule

    static func all(rate: Schedule? = nil, weightDecay: Double = 0) -> [Method] {
        [
            Method(
                testDescription: "SGD",
                rule: .sgd(.init(learningRate: rate ?? 0.2, momentum: 0.8, weightDecay: weightDecay))),
            Method(
                testDescription: "SGD with Nesterov",
                rule: .sgd(.init(learningRate: rate ?? 0.2, momentum: 0.8, nesterov: true, weightDecay: weightDecay))),
            Method(testDescription: "Adam", rule: .adam(.init(learningRate: rate ?? 0.05, weightDecay: weightDecay))),
            Method(
                testDescription: "Shampoo",
                rule: .shampoo(
                    .init(
                        learningRate: rate ?? 0.02, ridge: .relative(1e-4), period: 2, start: 0,
                        weightDecay: weightDecay))
            ),
            Method(
                testDescription: "Shampoo of sums",
                rule: .shampoo(
                    .init(
                        learningRate: rate ?? 0.5, momentum: 0, accumulation: .sum, ridge: .absolute(1e-8), period: 1,
                        start: 0, grafting: .none, weightDecay: weightDecay))),
            Method(
                testDescription: "SOAP",
                rule: .soap(.init(learningRate: rate ?? 0.05, weightDecay: weightDecay, period: 3))),
            Method(
                testDescription: "KL-Shampoo",
                rule: .klShampoo(
                    .init(
                        learningRate: rate ?? 0.05, initialEigenvalue: 0.01, weightDecay: weightDecay, period: 3))),
            Method(
                testDescription: "KL-SOAP",
                rule: .klShampoo(
                    .init(
                        learningRate: rate ?? 0.05, scaling: .meanSquares, weightDecay: weightDecay, period: 3))),
            Method(
                testDescription: "Muon",
                rule: .muon(
                    .init(
                        learningRate: rate ?? 0.05, momentum: 0.8, weightDecay: weightDecay,
                        adam: .init(learningRate: rate ?? 0.05, weightDecay: weightDecay)))),
        ]
    }
}

extension FirstOrderRule {
    /// Whether the weight decay is part of the gradient.
    var decaysThroughGradient: Bool { if case .sgd = self { true } else { false } }

    /// Whether the first step moves nothing.
    var beginsWithoutMoving: Bool {
        switch self {
        case .soap, .klShampoo: true
        default: false
        }
    }
}
