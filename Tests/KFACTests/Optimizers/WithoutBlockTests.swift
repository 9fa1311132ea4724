import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Parameters without a block beside K-FAC, of which not all batches use all.
@Suite struct WithoutBlockTests {
    private static let x = randomTensor([6, 3], seed: 20)

    /// Two experts with a scale each, of which a batch uses one, and a head.
    private struct Model {
        let experts = [TestLayer([4, 3], seed: 1), TestLayer([4, 3], seed: 2)]
        let scales = [parameter([4], seed: 4), parameter([4], seed: 5)]
        let head = TestLayer([2, 4], seed: 3)

        var layers: [NamedParameter] {
            experts[0].named("experts.0") + experts[1].named("experts.1") + head.named("head")
        }
        var named: [NamedParameter] { scales.enumerated().map { NamedParameter("scales.\($0)", $1) } }
        var parameters: [NamedParameter] { layers + named }

        func loss(_ expert: Int) -> Loss {
            let hidden = (experts[expert](WithoutBlockTests.x) * scales[expert]).tanh()
            return Loss(Normal(mean: head(hidden)), targets: Tensor.ones([6, 2], dtype: .float64))
        }

        /// A loss that depends on the scales only.
        func scaleLoss() -> Loss {
            let mean = (scales[0] * scales[1]).reshaped([4, 1])
            return Loss(Normal(mean: mean), targets: Tensor.ones([4, 1], dtype: .float64))
        }
    }

    private static let choices = [LayerChoices(firstOrder: ["scales"]), LayerChoices(unknown: .firstOrder)]

    private static func configuration(
        _ layers: LayerChoices, _ rule: StepRule = .fixed(learningRate: 0.1), statisticsPeriod: Int = 1
    ) -> KFACOptimizer.Configuration {
        .init(
            rule: rule, damping: 0.1, estimation: .exact, statisticsPeriod: statisticsPeriod,
            inverses: .together(every: 2), clipping: .none, layers: layers,
            firstOrderRule: .adam(.init(learningRate: 0.01, weightDecay: 0.1)))
    }

    private static func bits(_ parameters: [NamedParameter]) -> [[UInt64]] {
        parameters.map { $0.tensor.array(of: Double.self).map(\.bitPattern) }
    }

    private static let uses = [0, 1, 0, 0, 1, 1, 0]

    @Test(arguments: choices) func unusedParametersStay(choices: LayerChoices) throws {
        let model = Model()
        let optimizer = KFACOptimizer(model.parameters, configuration: Self.configuration(choices))
        for (step, expert) in Self.uses.enumerated() {
            let (own, other) = (
                Self.bits([model.named[expert]] + model.experts[expert].named("own")),
                Self.bits([model.named[1 - expert]] + model.experts[1 - expert].named("other"))
            )
            let messages = try optimizer.step { model.loss(expert) }.messages
            #expect(Self.bits([model.named[1 - expert]] + model.experts[1 - expert].named("other")) == other)
            for (a, b) in zip(Self.bits([model.named[expert]] + model.experts[expert].named("own")), own) {
                #expect(a != b)
            }
            let names = "experts.\(1 - expert).weight, experts.\(1 - expert).bias, scales.\(1 - expert)"
            #expect(
                messages.contains("the loss does not depend on \(names): they stay unchanged at such steps")
                    == (step < 2))
            let isUnknown = choices.unknown == .firstOrder
            #expect(
                messages.contains {
                    $0.contains("for scales.\(expert), as") && $0.contains("the first-order rule moves it")
                }
                    == (isUnknown && step < 2))
        }
    }

    /// The scales go as Adam alone takes them, each by its own steps, where nothing else moves.
    @Test(arguments: choices) func pausesLeaveNoTrace(choices: LayerChoices) throws {
        let (model, alone) = (Model(), Model())
        let optimizer = KFACOptimizer(model.parameters, configuration: Self.configuration(choices))
        let rule = Self.configuration(choices).firstOrderRule
        for parameter in model.layers + alone.layers { parameter.tensor.requiringGradient(false) }
        let adams = alone.named.map { FirstOrderOptimizer([$0], rule: rule) }
        for expert in Self.uses {
            try optimizer.step { model.loss(expert) }
            try adams[expert].step { alone.loss(expert) }
        }
        #expect(Self.bits(model.parameters) == Self.bits(alone.parameters))
    }

    /// A layer that comes into use later is the natural gradient's alone.
    @Test func lateLayersHaveBlocks() throws {
        func run(_ unknown: LayerChoices.Unknown) throws -> [[UInt64]] {
            let model = Model()
            for scale in model.scales { scale.requiringGradient(false) }
            let optimizer = KFACOptimizer(
                model.layers, configuration: Self.configuration(LayerChoices(unknown: unknown)))
            for expert in Self.uses { try optimizer.step { model.loss(expert) } }
            #expect(optimizer.curvature.blocks.map(\.name) == ["experts.0", "experts.1", "head"])
            return Self.bits(model.parameters)
        }
        #expect(try run(.firstOrder) == run(.genericDiagonal))
    }

    private static let rules: [StepRule] = [
        .fixed(learningRate: 0.1), .momentumOfGradients(learningRate: 0.1), .quadraticModel(),
        .eigenbasisMoments(), .grafted(),
    ]

    /// Batches that use no layer move what the first-order rule is to move.
    @Test(arguments: rules, [false, true]) func batchesWithoutLayers(rule: StepRule, isAdaptive: Bool) throws {
        let (model, alone) = (Model(), Model())
        var configuration = Self.configuration(Self.choices[0], rule)
        if isAdaptive, rule != .eigenbasisMoments() {
            configuration.damping = .adaptive(LevenbergMarquardt(initial: 0.1, interval: 1))
        }
        let optimizer = KFACOptimizer(model.parameters, configuration: configuration)
        let adam = FirstOrderOptimizer(alone.named, rule: configuration.firstOrderRule)
        let before = Self.bits(model.layers)
        for _ in 0..<2 {
            let report = try optimizer.step { model.scaleLoss() }
            #expect(!report.isRejected)
            try adam.step { alone.scaleLoss() }
        }
        #expect(Self.bits(model.layers) == before)
        #expect(Self.bits(model.named) == Self.bits(alone.named))
        try optimizer.step { model.loss(0) }
        #expect(Self.bits(model.head.named("head")) != Self.bits(alone.head.named("head")))
        let layers = Self.bits(model.layers)
        try optimizer.step { model.scaleLoss() }
        #expect(Self.bits(model.layers) == layers)
    }

    /// All parameters are left to the first-order rule.
    @Test func onlyFirstOrderParameters() throws {
        let (model, alone) = (Model(), Model())
        let configuration = Self.configuration(LayerChoices(firstOrder: ["experts", "head", "scales"]))
        let optimizer = KFACOptimizer(model.parameters, configuration: configuration)
        let adam = FirstOrderOptimizer(alone.parameters, rule: configuration.firstOrderRule)
        for expert in Self.uses {
            try optimizer.step { model.loss(expert) }
            try adam.step { alone.loss(expert) }
        }
        #expect(Self.bits(model.parameters) == Self.bits(alone.parameters))
    }

    /// A run that continues from a saved state at any step ends in the same bits.
    @Test(arguments: choices, [1, 3]) func resumingInAPause(choices: LayerChoices, statisticsPeriod: Int) throws {
        func run(resumingBefore resumption: Int?) throws -> [[UInt64]] {
            let model = Model()
            let configuration = Self.configuration(choices, statisticsPeriod: statisticsPeriod)
            var optimizer = KFACOptimizer(model.parameters, configuration: configuration)
            for (step, expert) in Self.uses.enumerated() {
                if step == resumption {
                    // Twice, so that what is waiting is stored, too.
                    for _ in 0..<2 {
                        let state = optimizer.state()
                        optimizer = KFACOptimizer(model.parameters, configuration: configuration)
                        try optimizer.load(state)
                    }
                }
                try optimizer.step { model.loss(expert) }
            }
            return Self.bits(model.parameters)
        }
        let whole = try run(resumingBefore: nil)
        for resumption in Self.uses.indices { #expect(try run(resumingBefore: resumption) == whole, "\(resumption)") }
    }

    @Test func allFrozen() throws {
        let model = Model()
        let optimizer = KFACOptimizer(model.parameters)
        for parameter in model.parameters { parameter.tensor.requiringGradient(false) }
        let error = #expect(throws: OptimizerError.self) { try optimizer.step { model.loss(0) } }
        #expect(error?.description.contains("none of experts.0.weight, experts.0.bias,") == true)
        let none = #expect(throws: OptimizerError.self) { try KFACOptimizer([]).step { model.loss(0) } }
        #expect(none?.description == "the optimizer was given no parameters: there is nothing to move")
    }
}
