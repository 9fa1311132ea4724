import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Schedules' numbers, and configurations that survive being written.
@Suite struct ConfigurationTests {
    static let schedules: [(Schedule, [Double])] = [
        (0.3, [0.3, 0.3, 0.3, 0.3, 0.3, 0.3, 0.3]),
        (.linear(from: 1, to: 3, steps: 4), [1, 1.5, 2, 2.5, 3, 3, 3]),
        (.linear(from: 1, to: 0, steps: 0), [1, 0, 0, 0, 0, 0, 0]),
        (.cosine(from: 4, to: 2, steps: 3), [4, 3.5, 2.5, 2, 2, 2, 2]),
        (.exponential(from: 8, factor: 0.5), [8, 4, 2, 1, 0.5, 0.25, 0.125]),
        (.warmUp(steps: 3, .constant(8)), [2, 4, 6, 8, 8, 8, 8]),
        (.warmUp(steps: 2, .linear(from: 6, to: 0, steps: 3)), [2, 4, 6, 4, 2, 0, 0]),
        (.warmUp(steps: 0, .exponential(from: 1, factor: 2)), [1, 2, 4, 8, 16, 32, 64]),
        (.warmUp(steps: 2, .cosine(from: 4, to: 2, steps: 3)), [4.0 / 3, 8.0 / 3, 4, 3.5, 2.5, 2, 2]),
        (.polynomial(from: 10, to: 2, power: 2, steps: 4), [10, 6.5, 4, 2.5, 2, 2, 2]),
        (.polynomial(from: 0, to: 1, power: 1, steps: 2), [0, 0.5, 1, 1, 1, 1, 1]),
        (
            .inverseSquareRoot(from: 6, steps: 2),
            [6, 24.0.squareRoot(), 18.0.squareRoot(), 14.4.squareRoot(), 12.0.squareRoot(), (72.0 / 7).squareRoot(), 3]
        ),
        (.piecewise(from: 1, changes: [.init(at: 2, to: 0.5), .init(at: 5, to: 3)]), [1, 1, 0.5, 0.5, 0.5, 3, 3]),
        (.piecewise(from: 1, changes: []), [1, 1, 1, 1, 1, 1, 1]),
        (.warmUp(steps: 1, .piecewise(from: 4, changes: [.init(at: 1, to: 2)])), [2, 4, 2, 2, 2, 2, 2]),
    ]

    @Test(arguments: schedules.indices) func scheduleValues(index: Int) {
        let (schedule, expected) = Self.schedules[index]
        expectClose(Tensor(expected.indices.map { schedule($0) }), Tensor(expected), relative: 1e-14, absolute: 1e-14)
    }

    private func expectRoundTrip<Value: Codable & Equatable>(
        _ value: Value, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let data = try JSONEncoder().encode(value)
        #expect(try JSONDecoder().decode(Value.self, from: data) == value, sourceLocation: sourceLocation)
    }

    @Test func configurationsSurviveJSON() throws {
        for (schedule, _) in Self.schedules { try expectRoundTrip(schedule) }
        for estimation: Estimation in [.sampled(draws: 3), .empirical, .exact, .curvaturePropagation(draws: 2)] {
            try expectRoundTrip(estimation)
        }
        try expectRoundTrip(FactorSettings.tensorFlow17)
        try expectRoundTrip(KFACOptimizer.Configuration())
        try expectRoundTrip(
            KFACOptimizer.Configuration(
                rule: .fixed(learningRate: .warmUp(steps: 3, .cosine(from: 1, to: 0.1, steps: 10)), momentum: 0.1),
                damping: 0.2,
                estimation: .curvaturePropagation(draws: 4), statisticsDecay: 0.3, statisticsPeriod: 4,
                inverses: .together(every: 5), clipping: .norm(0.6), factors: .tensorFlow17))
        try expectRoundTrip(SGD.Configuration(learningRate: 0.3, momentum: 0.1, nesterov: true, weightDecay: 0.2))
        try expectRoundTrip(Adam.Configuration(learningRate: 0.3, beta1: 0.1, beta2: 0.2, epsilon: 1, weightDecay: 2))
    }

    @Test(arguments: [
        FirstOrderRule.sgd(.init(nesterov: true)), .adam(.init(weightDecay: 0.1)),
        .shampoo(.init(accumulation: .sum, ridge: .absolute(1e-8), exponent: 0.5, grafting: .sgd, kernels: .axes)),
        .shampoo(.init()), .soap(.init(momentDecay: 0.8, kernels: .axes)),
        .klShampoo(.init(scaling: .meanSquares, momentDecay: 0.8, kernels: .axes)),
        .muon(.init(scale: .adam, adamNames: ["head"])),
    ])
    func rulesSurviveJSON(rule: FirstOrderRule) throws { try expectRoundTrip(rule) }

    @Test func averageRulesSurviveJSON() throws {
        try expectRoundTrip(ParameterAverage.Rule.exponential(decay: 0.9))
        try expectRoundTrip(ParameterAverage.Rule.uniform(from: 3))
    }

    @Test func periodsMustBePositive() async {
        await #expect(processExitsWith: .success) {
            expectTrap("Shampoo: the period must be a whole number from 1 to 1000000; 0 was given") {
                Shampoo([]).configuration.period = 0
            }
            expectTrap("SOAP: the period must be a whole number from 1 to 1000000; 0 was given") {
                _ = SOAP([], configuration: .init(period: 0))
            }
            expectTrap(
                "KFACOptimizer: the period of the inverses must be a whole number from 1 to 1000000; 0 was given"
            ) {
                _ = KFACOptimizer([], configuration: .init(inverses: .together(every: 0)))
            }
        }
    }
}
