import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Parameters that are frozen, thawed, or not used by a batch.
@Suite struct ParameterRoleTests {
    private static let x = randomTensor([6, 3], seed: 20)

    private static func loss(_ z: Tensor) -> Loss {
        Loss(Normal(mean: z), targets: Tensor.ones(z.shape, dtype: .float64))
    }

    private static func configuration(_ rule: StepRule = .fixed(learningRate: 0.1)) -> KFACOptimizer.Configuration {
        .init(rule: rule, damping: 0.1, estimation: .exact, inverses: .together(every: 1), clipping: .none)
    }

    private static let rules: [StepRule] = [
        .fixed(learningRate: 0.1), .momentumOfGradients(learningRate: 0.1), .quadraticModel(),
        .eigenbasisMoments(), .grafted(),
    ]

    private static func values(_ parameters: [NamedParameter]) -> [[Double]] {
        parameters.map { $0.tensor.array(of: Double.self) }
    }

    /// A frozen layer stays, the others go on; thawed, it joins in again.
    @Test(arguments: rules) func frozenLayersStay(_ rule: StepRule) throws {
        let network = TestNetwork([3, 4, 2]) { $0.tanh() }
        let optimizer = KFACOptimizer(network.parameters, configuration: Self.configuration(rule))
        func step() throws -> StepReport { try optimizer.step { Self.loss(network(Self.x)) } }
        for _ in 0..<2 { #expect(try step().messages.isEmpty) }
        for parameter in network.layers[0].parameters { parameter.requiringGradient(false) }
        let frozen = Self.values(network.layers[0].named("0"))
        let moving = Self.values(network.layers[1].named("1"))
        let report = try step()
        #expect(report.messages.count == 1)
        #expect(
            report.messages.first
                == "layers.0.weight, layers.0.bias no longer require a gradient: they stay unchanged")
        #expect(try step().messages.isEmpty)
        #expect(Self.values(network.layers[0].named("0")) == frozen)
        #expect(Self.values(network.layers[1].named("1")) != moving)
        for parameter in network.layers[0].parameters { parameter.requiringGradient() }
        let thawed = try step()
        #expect(thawed.messages.first == "layers.0.weight, layers.0.bias now require a gradient and are optimised")
        #expect(Self.values(network.layers[0].named("0")) != frozen)
        // The curvature is that of all batches in which the layer was used.
        let block = try #require(optimizer.curvature.blocks[0] as? KroneckerBlock)
        #expect(block.input.updateCount == 3)
    }

    /// Layers that are frozen from the beginning join in when they are thawed.
    @Test func layersAreThawedLater() throws {
        let network = TestNetwork([3, 4, 2]) { $0.tanh() }
        for parameter in network.layers[0].parameters { parameter.requiringGradient(false) }
        let before = Self.values(network.parameters)
        let optimizer = KFACOptimizer(network.parameters, configuration: Self.configuration())
        for _ in 0..<2 { #expect(try optimizer.step { Self.loss(network(Self.x)) }.messages.isEmpty) }
        #expect(Self.values(network.parameters).prefix(2) == before.prefix(2))
        #expect(optimizer.curvature.blocks.count == 1)
        for parameter in network.layers[0].parameters { parameter.requiringGradient() }
        let report = try optimizer.step { Self.loss(network(Self.x)) }
        #expect(report.messages.count == 1)
        #expect(optimizer.curvature.blocks.map(\.name) == ["layers.0", "layers.1"])
        #expect(Self.values(network.parameters)[0] != before[0])
    }

    /// A weight that is frozen beside its bias: the bias has a block of its own from then on.
    @Test func aBiasLosesItsWeight() throws {
        let layer = TestLayer([2, 3], seed: 1)
        let optimizer = KFACOptimizer(layer.named("layer"), configuration: Self.configuration())
        try optimizer.step { Self.loss(layer(Self.x)) }
        layer.weight.requiringGradient(false)
        let weight = layer.weight.array(of: Double.self)
        let bias = layer.bias!.array(of: Double.self)
        try optimizer.step { Self.loss(layer(Self.x)) }
        #expect(optimizer.curvature.blocks.map(\.name) == ["layer.bias"])
        #expect(layer.weight.array(of: Double.self) == weight)
        #expect(layer.bias!.array(of: Double.self) != bias)
        layer.weight.requiringGradient()
        try optimizer.step { Self.loss(layer(Self.x)) }
        #expect(optimizer.curvature.blocks.map(\.name) == ["layer"])
        #expect(layer.weight.array(of: Double.self) != weight)
    }

    /// Two experts of which each batch uses one.
    private struct Experts {
        let experts = [TestLayer([4, 3], seed: 1), TestLayer([4, 3], seed: 2)]
        let head = TestLayer([2, 4], seed: 3)

        var parameters: [NamedParameter] {
            experts[0].named("experts.0") + experts[1].named("experts.1") + head.named("head")
        }

        func loss(_ expert: Int) -> Loss { ParameterRoleTests.loss(head(experts[expert](ParameterRoleTests.x).tanh())) }
    }

    @Test(arguments: rules) func unusedLayersKeepTheirState(_ rule: StepRule) throws {
        let model = Experts()
        let optimizer = KFACOptimizer(model.parameters, configuration: Self.configuration(rule))
        let first = try optimizer.step { model.loss(0) }
        #expect(
            first.messages
                == ["the loss does not depend on experts.1.weight, experts.1.bias: they stay unchanged at such steps"])
        let own = Self.values(model.experts[0].named("0"))
        let second = try optimizer.step { model.loss(1) }
        #expect(second.messages.count == 1)
        #expect(Self.values(model.experts[0].named("0")) == own)
        let before = Self.values(model.experts[1].named("1"))
        #expect(try optimizer.step { model.loss(0) }.messages.isEmpty)
        #expect(Self.values(model.experts[1].named("1")) == before)
        #expect(Self.values(model.experts[0].named("0")) != own)
        let counts = optimizer.curvature.blocks.map { ($0 as? KroneckerBlock)?.input.updateCount }
        #expect(counts == [2, 1, 3])
    }

    /// An unused layer's steps are those of an optimiser that was not asked meanwhile.
    @Test func pausesLeaveNoTrace() throws {
        let (paused, alone) = (Experts(), Experts())
        for parameter in alone.head.parameters { parameter.requiringGradient(false) }
        for parameter in paused.head.parameters { parameter.requiringGradient(false) }
        let first = KFACOptimizer(paused.parameters, configuration: Self.configuration())
        let second = KFACOptimizer(alone.experts[0].named("experts.0"), configuration: Self.configuration())
        for expert in [0, 1, 1, 0, 1, 0] {
            try first.step { paused.loss(expert) }
            if expert == 0 { try second.step { alone.loss(0) } }
        }
        for (a, b) in zip(paused.experts[0].parameters, alone.experts[0].parameters) {
            expectClose(a, b, relative: 1e-12)
        }
    }

    /// Parts of one batch may use different layers.
    @Test func partsUseDifferentLayers() throws {
        let model = Experts()
        let optimizer = KFACOptimizer(model.parameters, configuration: Self.configuration())
        let before = Self.values(model.parameters)
        for _ in 0..<2 { #expect(try optimizer.step(parts: 2) { model.loss($0) }.messages.isEmpty) }
        for (a, b) in zip(Self.values(model.parameters), before) { #expect(a != b) }
    }

    /// Resuming while a layer is not in use, and using it later.
    @Test(arguments: [0, 1, 2, 3, 4, 5]) func resumingWithUnusedLayers(after count: Int) throws {
        let experts = [0, 1, 0, 0, 1, 0]
        func run(resuming: Bool) throws -> [[Double]] {
            let model = Experts()
            var configuration = Self.configuration()
            configuration.inverses = .together(every: 2)
            var optimizer = KFACOptimizer(model.parameters, configuration: configuration)
            for (step, expert) in experts.enumerated() {
                if resuming, step == count {
                    // Twice, so that layers that are waiting are stored, too.
                    for _ in 0..<2 {
                        let state = optimizer.state()
                        optimizer = KFACOptimizer(model.parameters, configuration: configuration)
                        try optimizer.load(state)
                    }
                }
                if resuming, step == count + 1 {
                    let state = optimizer.state()
                    optimizer = KFACOptimizer(model.parameters, configuration: configuration)
                    try optimizer.load(state)
                }
                try optimizer.step { model.loss(expert) }
            }
            return Self.values(model.parameters)
        }
        #expect(try run(resuming: true) == run(resuming: false))
    }

    /// A head that only a term without curvature sees: an error until the user says what moves it.
    @Test func headsWithoutCurvature() throws {
        let (policy, value) = (TestLayer([2, 3], seed: 1), TestLayer([1, 3], seed: 2))
        let parameters = policy.named("policy") + value.named("value")
        func loss() -> Loss {
            let error = value(Self.x) - 1
            return Self.loss(policy(Self.x)).adding(objective: error.squared().mean())
        }
        let error = #expect(throws: OptimizerError.self) { try KFACOptimizer(parameters).step(loss) }
        #expect(
            error?.description
                == "only terms without curvature depend on value.weight, value.bias: name what they belong to in "
                + "LayerChoices.firstOrder, so that the first-order rule moves it")
        let before = Self.values(parameters)
        let optimizer = KFACOptimizer(
            parameters, configuration: .init(layers: LayerChoices(firstOrder: ["value"])))
        let first = try optimizer.step(loss).loss
        var last = first
        for _ in 0..<20 { last = try optimizer.step(loss).loss }
        #expect(last < first)
        for (a, b) in zip(Self.values(parameters), before) { #expect(a != b) }
    }

    /// Resuming beside a weight that is frozen for a while without its bias, at every step.
    @Test(arguments: 1..<9) func resumingWhileAPartIsFrozen(at step: Int) throws {
        func run(resuming: Bool) throws -> [[Double]] {
            let network = TestNetwork([3, 4, 2]) { $0.tanh() }
            var configuration = Self.configuration()
            configuration.inverses = .together(every: 3)
            var optimizer = KFACOptimizer(network.parameters, configuration: configuration)
            for current in 0..<9 {
                network.layers[0].weight.requiringGradient(!(3..<6).contains(current))
                if resuming, current == step {
                    let state = optimizer.state()
                    optimizer = KFACOptimizer(network.parameters, configuration: configuration)
                    try optimizer.load(state)
                }
                try optimizer.step { Self.loss(network(Self.x)) }
            }
            return Self.values(network.parameters)
        }
        #expect(try run(resuming: true) == run(resuming: false))
    }

    /// Resuming with inverses that another thread computes for layers that the next batch does not use.
    @Test(arguments: 1..<10) func resumingInTheBackground(at step: Int) throws {
        let experts = [0, 1, 0, 0, 1, 1, 0, 1, 0, 0]
        func run(resuming: Bool) throws -> [[Double]] {
            let model = Experts()
            var configuration = Self.configuration()
            configuration.inverses = .background(every: 3, after: 2)
            var optimizer = KFACOptimizer(model.parameters, configuration: configuration)
            for (current, expert) in experts.enumerated() {
                if resuming, current == step {
                    let state = optimizer.state()
                    optimizer = KFACOptimizer(model.parameters, configuration: configuration)
                    try optimizer.load(state)
                }
                try optimizer.step { model.loss(expert) }
            }
            return Self.values(model.parameters)
        }
        #expect(try run(resuming: true) == run(resuming: false))
    }
}
