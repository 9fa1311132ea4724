import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Settings out of bounds are told at once, by name, with the value and what is allowed.
@Suite struct SettingBoundsTests {
    typealias Configuration = KFACOptimizer.Configuration

    /// Each setting of K-FAC with a number that it cannot be, and the whole sentence.
    static let sentences: [(Configuration, String)] = [
        (.init(damping: -0.1), "the damping must be at least 0 and finite; -0.1 was given"),
        (.init(rule: .fixed(learningRate: -1)), "the learning rate must be at least 0 and finite; -1.0 was given"),
        (.init(rule: .fixed(momentum: 1)), "the momentum must be at least 0 and below 1; 1.0 was given"),
        (
            .init(rule: .fixed(learningRate: .linear(from: 1, to: -1, steps: 9))),
            "the learning rate must be at least 0 and finite at every step; linear(from: 1.0, to: -1.0, steps: 9) gives "
                + "-1.0"
        ),
        (.init(burnIn: -1), "the burn-in must be a whole number from 0 to 1000000; -1 was given"),
        (
            .init(damping: .adaptive(.init(initial: 0.1, minimum: 0.3))),
            "the initial damping 0.1 must be from the damping's minimum 0.3 to its maximum "
                + "\(Double.greatestFiniteMagnitude)"
        ),
        (
            .init(groups: [.init(["head"], learningRateScale: -1)]),
            "the group of head: the scale of the learning rate must be at least 0 and at most 1000000; -1.0 was given"
        ),
        (
            .init(firstOrderRule: .adam(.init(beta2: 1))),
            "the first-order rule: beta2 must be at least 0 and below 1; 1.0 was given"
        ),
    ]

    @Test(arguments: sentences.indices) func sentencesNameSettingValueAndBounds(index: Int) {
        #expect(Self.sentences[index].0.defect == Self.sentences[index].1)
    }

    /// K-FAC's configuration for one number of each setting; all must refuse NaN, infinity and −1.
    static let numbers: [@Sendable (Double) -> Configuration] =
        [
            { .init(rule: .fixed(learningRate: .constant($0))) }, { .init(rule: .fixed(momentum: .constant($0))) },
            { .init(rule: .momentumOfGradients(learningRate: .constant($0))) },
            { .init(rule: .momentumOfGradients(momentum: .constant($0))) },
            { .init(rule: .quadraticModel(.init(momentum: .fixed(.constant($0))))) },
            { .init(rule: .quadraticModel(.init(fraction: $0))) },
            { .init(rule: .eigenbasisMoments(.init(learningRate: .constant($0)))) },
            { .init(rule: .eigenbasisMoments(.init(beta1: $0))) },
            { .init(rule: .eigenbasisMoments(.init(beta2: $0))) },
            { .init(rule: .eigenbasisMoments(.init(epsilon: $0))) },
            { .init(rule: .grafted(.init(learningRate: .constant($0)))) }, { .init(rule: .grafted(.init(beta1: $0))) },
            { .init(rule: .grafted(.init(beta2: $0))) }, { .init(rule: .grafted(.init(epsilon: $0))) },
            { .init(preconditionerDamping: .relative(.constant($0))) },
            { .init(rule: .quadraticModel(.init(rescaling: .constant($0)))) }, { .init(damping: .constant($0)) },
            { .init(damping: .adaptive(.init(initial: $0, minimum: 0))) },
            { .init(damping: .adaptive(.init(decay: $0))) },
            { .init(damping: .adaptive(.init(minimum: $0))) },
            { .init(damping: .adaptive(.init(initial: 0, minimum: 0, maximum: $0))) },
            { .init(damping: .adaptive(.init(prediction: .exact(fraction: $0)))) },
            { .init(preconditionerDamping: .proportional($0)) },
            { .init(preconditionerDamping: .scheduled(.constant($0))) },
            { .init(rule: .quadraticModel(), preconditionerDamping: .adaptive(.init(decay: $0))) },
            { .init(statisticsDecay: $0) }, { .init(statisticsFraction: $0) },
            { .init(inverses: .whenStale(beyond: $0, atMost: 9)) }, { .init(clipping: .norm($0)) },
            { .init(clipping: .klClip($0)) }, { .init(clipping: .value($0)) },
            { .init(regularization: .init(l2: $0)) }, { .init(regularization: .init(weightDecay: $0)) },
            { .init(groups: [.init(["a"], learningRateScale: $0)]) },
            { .init(groups: [.init(["a"], regularization: .init(l2: $0))]) },
            { .init(factors: .init(eigenvalueFloor: $0)) }, { .init(guards: .init(plausibleChange: $0)) },
            { .init(guards: .init(gradientDescentTolerance: $0)) },
        ]

    /// The rules of first order for one number of each setting.
    static let rules: [@Sendable (Double) -> FirstOrderRule] = [
        { .sgd(.init(learningRate: .constant($0))) }, { .sgd(.init(momentum: $0)) }, { .sgd(.init(weightDecay: $0)) },
        { .adam(.init(learningRate: .constant($0))) }, { .adam(.init(beta1: $0)) }, { .adam(.init(beta2: $0)) },
        { .adam(.init(epsilon: $0)) }, { .adam(.init(weightDecay: $0)) },
        { .shampoo(.init(learningRate: .constant($0))) }, { .shampoo(.init(momentum: $0)) },
        { .shampoo(.init(accumulation: .average(decay: $0))) }, { .shampoo(.init(ridge: .absolute($0))) },
        { .shampoo(.init(ridge: .relative($0))) }, { .shampoo(.init(exponent: $0)) },
        { .shampoo(.init(grafting: .adam(beta2: $0))) }, { .shampoo(.init(grafting: .adam(epsilon: $0))) },
        { .shampoo(.init(weightDecay: $0)) }, { .soap(.init(learningRate: .constant($0))) },
        { .soap(.init(beta1: $0)) },
        { .soap(.init(beta2: $0)) }, { .soap(.init(momentDecay: $0)) }, { .soap(.init(epsilon: $0)) },
        { .klShampoo(.init(learningRate: .constant($0))) }, { .klShampoo(.init(beta1: $0)) },
        { .klShampoo(.init(beta2: $0)) }, { .klShampoo(.init(momentDecay: $0)) }, { .klShampoo(.init(epsilon: $0)) },
        { .klShampoo(.init(initialEigenvalue: $0)) }, { .klShampoo(.init(maximumScale: $0)) },
        { .klShampoo(.init(weightDecay: $0)) },
        { .soap(.init(weightDecay: $0)) }, { .muon(.init(learningRate: .constant($0))) },
        { .muon(.init(momentum: $0)) },
        { .muon(.init(epsilon: $0)) }, { .muon(.init(weightDecay: $0)) }, { .muon(.init(adam: .init(beta1: $0))) },
    ]

    @Test(arguments: numbers.indices, [-1, Double.nan, Double.infinity, -Double.infinity])
    func numbersOutOfBoundsAreRefused(index: Int, number: Double) {
        let defect = Self.numbers[index](number).defect
        #expect(defect?.hasSuffix("; \(number) was given") == true, "\(defect ?? "nothing is said")")
    }

    @Test(arguments: rules.indices, [-1, Double.nan, Double.infinity, -Double.infinity])
    func numbersOfRulesOutOfBoundsAreRefused(index: Int, number: Double) {
        let configuration = Configuration(firstOrderRule: Self.rules[index](number))
        #expect(configuration.defect?.hasPrefix("the first-order rule: ") == true)
        #expect(configuration.defect?.hasSuffix("; \(number) was given") == true)
        #expect(Self.rules[index](0.5).defect == nil)
    }

    @Test(arguments: numbers.indices) func numbersWithinBoundsAreTaken(index: Int) {
        // In the bounds of all but one, which must be above 1.
        let defect = Self.numbers[index](0.5).defect
        #expect(
            defect == nil || defect == "the plausible change of statistics must be above 1 and finite; 0.5 was given")
    }

    /// K-FAC's configuration for one count of each setting; all must refuse −1 and what no loop ends at.
    static let counts: [@Sendable (Int) -> Configuration] = [
        { .init(damping: .adaptive(.init(interval: $0))) },
        { .init(rule: .quadraticModel(), preconditionerDamping: .adaptive(.init(interval: $0))) },
        { .init(estimation: .sampled(draws: $0)) }, { .init(estimation: .curvaturePropagation(draws: $0)) },
        { .init(statisticsPeriod: $0) }, { .init(burnIn: $0) }, { .init(inverses: .together(every: $0)) },
        { .init(inverses: .together(every: 2, initially: $0)) }, { .init(inverses: .roundRobin(every: $0)) },
        { .init(inverses: .background(every: $0)) }, { .init(inverses: .background(every: 3, after: $0)) },
        { .init(inverses: .whenStale(beyond: 1, atMost: $0)) }, { .init(factors: .init(eigenThreshold: $0)) },
        { .init(firstOrderRule: .shampoo(.init(period: $0))) }, { .init(firstOrderRule: .shampoo(.init(start: $0))) },
        { .init(firstOrderRule: .soap(.init(period: $0))) },
        { .init(firstOrderRule: .klShampoo(.init(period: $0))) },
        { .init(firstOrderRule: .muon(.init(iterations: $0))) },
        { .init(rule: .fixed(learningRate: .linear(from: 1, to: 0, steps: $0))) },
        { .init(rule: .fixed(learningRate: .warmUp(steps: $0, 1))) },
    ]

    @Test(arguments: counts.indices, [-1, Int.min, Int.max]) func countsOutOfBoundsAreRefused(index: Int, count: Int) {
        let defect = Self.counts[index](count).defect
        #expect(defect?.contains("must be a whole number from ") == true, "\(defect ?? "nothing is said")")
        #expect(defect?.hasSuffix("; \(count) was given") == true, "\(defect ?? "nothing is said")")
        #expect(Self.counts[index](2).defect == nil)
    }

    /// Schedules, and whether all their numbers can be a momentum: at least 0 and below 1.
    static let schedules: [(Schedule, Bool)] = [
        (0, true), (0.9, true), (1, false), (.constant(.nan), false), (.constant(-0.0), true),
        (.linear(from: 0, to: 0.9, steps: 5), true), (.linear(from: 0, to: 1, steps: 5), false),
        (.linear(from: -0.1, to: 0.9, steps: 5), false), (.linear(from: 0, to: .nan, steps: 5), false),
        (.cosine(from: 0.9, to: 0, steps: 5), true), (.cosine(from: 0.9, to: 2, steps: 5), false),
        (.polynomial(from: 0.9, to: 0, power: 2, steps: 5), true),
        (.polynomial(from: 0.9, to: 0, power: -2, steps: 5), false),
        (.polynomial(from: 0.9, to: 0, power: .nan, steps: 5), false),
        (.exponential(from: 0.9, factor: 0.5), true), (.exponential(from: 0.9, factor: 0), true),
        (.exponential(from: 0.9, factor: 1), true), (.exponential(from: 0.1, factor: 1.01), false),
        (.exponential(from: 0.1, factor: -0.5), false), (.exponential(from: 0.1, factor: .nan), false),
        (.exponential(from: -0.1, factor: 0.5), false),
        (.inverseSquareRoot(from: 0.9, steps: 3), true), (.inverseSquareRoot(from: 1.1, steps: 3), false),
        (.inverseSquareRoot(from: 0.9, steps: -3), false),
        (.piecewise(from: 0.5, changes: [.init(at: 2, to: 0.9)]), true),
        (.piecewise(from: 0.5, changes: [.init(at: 2, to: 1.9)]), false),
        (.piecewise(from: 0.5, changes: [.init(at: 2, to: 0.9), .init(at: 1, to: 0.8)]), false),
        (.piecewise(from: 0.5, changes: [.init(at: -2, to: 0.9)]), false),
        (.warmUp(steps: 3, 0.9), true), (.warmUp(steps: 3, 1), false),
        (.warmUp(steps: 3, .exponential(from: 0.9, factor: 2)), false),
        (.warmUp(steps: 3, .linear(from: 1, to: 0, steps: -4)), false),
    ]

    @Test(arguments: schedules.indices) func schedulesMustStayWithinBounds(index: Int) {
        let (schedule, isAllowed) = Self.schedules[index]
        #expect((SettingBounds.momentum.defect("the momentum", schedule) == nil) == isAllowed)
        guard isAllowed else { return }
        #expect((0..<20).allSatisfy { SettingBounds.momentum.contains(schedule($0)) })
    }

    /// What falls for ever never is zero, in theory: a positive setting may fall so.
    @Test func limitsCount() {
        let positive = SettingBounds.positive()
        #expect(positive.defect("it", .exponential(from: 1, factor: 0.5)) == nil)
        #expect(positive.defect("it", .inverseSquareRoot(from: 1, steps: 3)) == nil)
        #expect(positive.defect("it", .warmUp(steps: 3, 1)) == nil)
        #expect(positive.defect("it", .linear(from: 1, to: 0, steps: 3)) != nil)
    }

    static let descriptions: [(SettingBounds, String)] = [
        (.positive(), "positive and finite"), (.positive(upTo: 1), "positive and at most 1"),
        (.from(0), "at least 0 and finite"), (.from(0, below: 1), "at least 0 and below 1"),
        (.from(0, to: 0.5), "at least 0 and at most 0.5"), (.above(1), "above 1 and finite"),
        (.above(0, below: 1), "positive and below 1"), (.whole(0...9), "a whole number from 0 to 9"),
        (.from(0).withoutLowerBound, "positive and finite"), (.from(-.greatestFiniteMagnitude), "finite"),
    ]

    @Test(arguments: descriptions.indices) func boundsAreDescribed(index: Int) {
        #expect(Self.descriptions[index].0.description == Self.descriptions[index].1)
    }

    @Test func aDefectStopsTheProgram() async {
        await #expect(processExitsWith: .success) {
            for (configuration, sentence) in Self.sentences {
                expectTrap("KFACOptimizer: \(sentence)") { _ = KFACOptimizer([], configuration: configuration) }
            }
        }
    }

    /// Optimisers whose settings are changed to ones that cannot be followed.
    static let changes: [(@Sendable () -> Void, String)] = [
        (
            { KFACOptimizer([]).configuration.damping = .constant(.nan) },
            "KFACOptimizer: the damping must be at least 0 and finite; nan was given"
        ),
        ({ SGD([]).configuration.momentum = 1 }, "SGD: the momentum must be at least 0 and below 1; 1.0 was given"),
        ({ Adam([]).configuration.epsilon = -1 }, "Adam: epsilon must be at least 0 and at most 1e+30; -1.0 was given"),
        (
            { Shampoo([]).configuration.weightDecay = .nan },
            "Shampoo: the weight decay must be at least 0 and at most 1000000; nan was given"
        ),
        (
            { SOAP([]).configuration.momentDecay = 1 },
            "SOAP: the decay of the moments must be at least 0 and below 1; 1.0 was given"
        ),
        (
            { Muon([]).configuration.adam.beta1 = 1 },
            "Muon: the part of Adam: beta1 must be at least 0 and below 1; 1.0 was given"
        ),
        (
            { SGD([]).guards.plausibleChange = 1 },
            "FirstOrderOptimizer: the plausible change of statistics must be above 1 and finite; 1.0 was given"
        ),
        ({ KFACOptimizer([]).configuration.layers.excluded = ["a"] }, "KFACOptimizer: configuration.layers cannot be"),
        (
            { KFACOptimizer([]).configuration.factors.eigenvalueFloor = 1 },
            "KFACOptimizer: configuration.factors cannot be changed after it was made: make a new KFACOptimizer"
        ),
        (
            { KFACOptimizer([]).configuration.firstOrderRule = .sgd(.init()) },
            "KFACOptimizer: configuration.firstOrderRule cannot be changed"
        ),
        ({ Shampoo([]).configuration.kernels = .axes }, "Shampoo: configuration.kernels cannot be changed"),
        ({ KLShampoo([]).configuration.scaling = .meanSquares }, "KLShampoo: configuration.scaling cannot be changed"),
        ({ SOAP([]).configuration.maximumExtent = 5 }, "SOAP: configuration.maximumExtent cannot be changed"),
        ({ Muon([]).configuration.adamNames = ["a"] }, "Muon: configuration.adamNames cannot be changed"),
        (
            { _ = ParameterAverage([], rule: .uniform(from: -1)) },
            "ParameterAverage: the first step of the average must be a whole number from 0 to 9007199254740992; -1 was"
        ),
    ]

    @Test func changesAreRefused() async {
        await #expect(processExitsWith: .success) {
            for (change, message) in Self.changes { expectTrap(message, of: change) }
        }
    }

    /// What may change between steps still may.
    @Test func allowedChangesAreTaken() {
        let optimizer = KFACOptimizer([])
        optimizer.configuration.damping = 0
        optimizer.configuration.rule = .fixed(learningRate: 0, momentum: 0)
        optimizer.configuration.inverses = .roundRobin(every: 1_000_000, initially: 0)
        #expect(optimizer.configuration.defect == nil)
    }
}
