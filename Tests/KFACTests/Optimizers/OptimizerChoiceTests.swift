import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Momentum, clipping, regularisation, groups, burn-in and shares of the batch, each against a few lines by hand.
@Suite struct OptimizerChoiceTests {
    private let network = TestNetwork([3, 4, 2], seed: 5) { $0.tanh() }
    private let x = randomTensor([12, 3], seed: 6)
    private let targets = randomTensor([12, 2], seed: 7)

    private func loss(_ range: Range<Int> = 0..<12) -> Loss {
        Loss(Normal(mean: network(x[range]), variance: 0.5), targets: targets[range])
    }

    private var tensors: [Tensor] { network.parameters.map { $0.tensor.detached() } }

    private func optimizer(_ configuration: KFACOptimizer.Configuration) -> KFACOptimizer {
        KFACOptimizer(network.parameters, configuration: configuration)
    }

    private func gradient() -> [Tensor] {
        gradients(of: loss().mean, withRespectTo: network.parameters.map(\.tensor))
    }

    /// v ← μ v + g, θ ← θ − α P v, with the P of each step.
    @Test func momentumOfGradients() throws {
        let optimizer = optimizer(
            .init(
                rule: .momentumOfGradients(learningRate: 0.2, momentum: .linear(from: 0.5, to: 0.9, steps: 2)),
                estimation: .exact, inverses: .together(every: 2, initially: 1), clipping: .norm(1e-3)))
        var velocity = tensors.map { Tensor.zeros(like: $0) }
        var clippings: [Double] = []
        for step in 0..<4 {
            let momentum = [0.5, 0.7, 0.9, 0.9][step]
            velocity = zip(velocity, gradient()).map { $0 * momentum + $1 }
            let before = tensors.map { $0.copy() }
            let report = try optimizer.step { loss() }
            let direction = withoutGradients { optimizer.precondition(velocity) }
            let length = 0.04 * zip(velocity, direction).reduce(0) { $0 + ($1.0 * $1.1).sum().scalar }
            let clipping = min(1, (1e-3 / length).squareRoot())
            for index in before.indices {
                expectClose(
                    tensors[index], before[index] - direction[index] * (0.2 * clipping), relative: 1e-10,
                    absolute: 1e-13)
                expectClose(optimizer.velocities[index], velocity[index], relative: 1e-12, absolute: 1e-15)
            }
            expectClose(Tensor(try #require(report.clipping)), Tensor(clipping), relative: 1e-10)
            #expect(report.momentum == momentum)
            clippings.append(clipping)
        }
        #expect(clippings.contains { $0 < 1 })
    }

    /// The KL clip sums absolute values of layers; the clip by value keeps entries within bounds and tells how many.
    @Test func clippings() throws {
        func step(_ clipping: Clipping) throws -> (direction: [Tensor], report: StepReport) {
            let optimizer = KFACOptimizer(
                TestNetwork([3, 4, 2], seed: 5) { $0.tanh() }.parameters,
                configuration: .init(
                    rule: .fixed(learningRate: 0.5, momentum: 0), estimation: .exact, clipping: clipping))
            let network = optimizer.parameters
            let report = try optimizer.step {
                let hidden = linear(x, weight: network[0].tensor, bias: network[1].tensor).tanh()
                let mean = linear(hidden, weight: network[2].tensor, bias: network[3].tensor)
                return Loss(Normal(mean: mean, variance: 0.5), targets: targets)
            }
            return (optimizer.velocities, report)
        }
        let (free, report) = try step(.none)
        #expect(report.clipping == nil)
        let products = zip(gradient(), free).map { ($0 * $1).sum().scalar }
        let factor = (1e-4 / (0.25 * products.reduce(0) { $0 + abs($1) })).squareRoot()
        let (clipped, clippedReport) = try step(.klClip(1e-4))
        #expect(factor < 0.9)
        expectClose(Tensor(try #require(clippedReport.clipping)), Tensor(factor), relative: 1e-10)
        for (a, b) in zip(clipped, free) { expectClose(a, b * factor, relative: 1e-10, absolute: 1e-14) }
        #expect(try step(.klClip(1e6)).report.clipping == 1)

        let (bounded, boundedReport) = try step(.value(0.05))
        var kept = 0
        for (a, b) in zip(bounded, free) {
            expectClose(a, b.clamped(atLeast: -0.05).clamped(atMost: 0.05), relative: 1e-12)
            kept += b.array(of: Double.self).count { abs($0) <= 0.05 }
        }
        let count = free.reduce(0) { $0 + $1.count }
        #expect(kept > 0 && kept < count)
        #expect(boundedReport.clipping == Double(kept) / Double(count))
    }

    /// θ ← (1 − α w) θ − α v, the decay being no part of v; the L2 term's gradient is part of g.
    @Test func regularization() throws {
        let before = tensors.map { $0.copy() }
        let gradient = zip(gradient(), before).map { $0 + $1 * 0.3 }
        let optimizer = optimizer(
            .init(
                rule: .fixed(learningRate: 0.2), damping: 0.5, estimation: .exact, clipping: .none,
                regularization: .init(l2: 0.3, weightDecay: 0.7),
                groups: [
                    ParameterGroup(
                        ["layers.0.bias"], learningRateScale: 0.5, regularization: .init(l2: 0.3, weightDecay: 0)),
                    ParameterGroup(["layers.0"], learningRateScale: 2),
                ]))
        let report = try optimizer.step { loss() }
        let plain = withoutGradients {
            let configuration = optimizer.configuration
            optimizer.configuration.groups = []
            defer { optimizer.configuration = configuration }
            return optimizer.precondition(gradient)
        }
        let scales = [2.0, 0.5, 1, 1]
        let decays = [0.7, 0, 0.7, 0.7]
        for index in before.indices {
            let expected = before[index] * (1 - 0.2 * decays[index]) - plain[index] * (0.2 * scales[index])
            expectClose(tensors[index], expected, relative: 1e-10, absolute: 1e-13, "\(index)")
        }
        let squares = before.reduce(0) { $0 + $1.squared().sum().scalar }
        expectClose(Tensor(try #require(report.regularization)), Tensor(0.15 * squares), relative: 1e-12)
        expectClose(
            Tensor(try #require(report.gradientNorm)),
            Tensor(gradient.reduce(0) { $0 + $1.squared().sum().scalar }.squareRoot()), relative: 1e-12)
        #expect(report.preconditionerDamping == 0.8)
    }

    /// Parameters without a block go as the first-order rule alone would take them, the others as if those were left
    /// out.
    @Test(arguments: [false, true]) func firstOrderParameters(isUnknown: Bool) throws {
        let scale = parameter([2], seed: 9)
        func model(_ network: TestNetwork, _ scale: Tensor) -> Loss {
            Loss(Normal(mean: network(x) * scale, variance: 0.5), targets: targets)
        }
        func run(_ layers: LayerChoices) throws -> (network: [Tensor], scale: Tensor, messages: [String]) {
            let network = TestNetwork([3, 4, 2], seed: 5) { $0.tanh() }
            let own = scale.detached().copy().requiringGradient()
            let optimizer = KFACOptimizer(
                [NamedParameter("scale", own)] + network.parameters,
                configuration: .init(
                    estimation: .exact, regularization: .init(l2: 0.1), layers: layers,
                    firstOrderRule: .adam(.init(learningRate: 0.01))))
            let report = try optimizer.step { model(network, own) }
            return (network.parameters.map { $0.tensor.detached() }, own.detached(), report.messages)
        }
        let found = try run(isUnknown ? LayerChoices(unknown: .firstOrder) : LayerChoices(firstOrder: ["scale"]))
        let without = try run(LayerChoices(excluded: ["scale"]))
        for (a, b) in zip(found.network, without.network) { expectClose(a, b, relative: 1e-12, absolute: 1e-14) }
        let slope = gradients(of: model(network, scale).mean, withRespectTo: [scale])[0] + scale.detached() * 0.1
        // Adam's first step is the rate times the gradient's sign, but for ε.
        expectClose(found.scale, scale.detached() - slope / (slope.abs() + 1e-8) * 0.01, relative: 1e-9)
        #expect((without.scale - scale.detached()).abs().max().scalar == 0)
        #expect(found.messages.isEmpty == !isUnknown)
        if isUnknown {
            #expect(
                found.messages[0].contains("for scale, as no recorded operation uses it: the first-order rule moves it")
            )
        }
    }

    /// Steps of the burn-in only average: then all goes on as if they had been on one batch before.
    @Test func burnIn() throws {
        let optimizer = optimizer(
            .init(estimation: .exact, burnIn: 2, inverses: .together(every: 5, initially: 1)))
        let before = tensors.map { $0.copy() }
        for step in 0..<2 {
            let report = try optimizer.step { loss() }
            #expect(report.isBurnIn && report.step == step && report.inverses.isEmpty && report.gradientNorm == nil)
            #expect(abs(report.loss - loss().mean.scalar) < 1e-12)
        }
        for (a, b) in zip(tensors, before) { #expect((a - b).abs().max().scalar == 0) }
        #expect(optimizer.curvature.blocks.compactMap { ($0 as? KroneckerBlock)?.input.updateCount } == [2, 2])
        let report = try optimizer.step { loss() }
        #expect(!report.isBurnIn && report.inverses.map(\.age) == [0, 0])
        #expect((tensors[0] - before[0]).abs().max().scalar > 0)
        #expect(optimizer.stepCount == 3)
    }

    /// Statistics of a share are those of the first examples; the gradient is that of all.
    @Test func statisticsOfAShare() throws {
        let share = optimizer(.init(estimation: .exact, statisticsFraction: 0.3, clipping: .none))
        var ranges: [Range<Int>] = []
        try share.step(examples: 12) {
            ranges.append($0)
            return loss($0)
        }
        #expect(ranges == [0..<12, 0..<4])
        let blocks = share.curvature.blocks
        let copy = TestNetwork([3, 4, 2], seed: 5) { $0.tanh() }
        let other = KFACOptimizer(copy.parameters, configuration: .init(estimation: .exact, clipping: .none))
        try other.step { Loss(Normal(mean: copy(x[0..<4]), variance: 0.5), targets: targets[0..<4]) }
        for (a, b) in zip(blocks, other.curvature.blocks) {
            expectClose(try a.denseMatrix(), try b.denseMatrix(), relative: 1e-12, absolute: 1e-14)
        }
        // Without ranges, all of the batch is taken.
        let whole = KFACOptimizer(
            copy.parameters, configuration: .init(estimation: .exact, statisticsFraction: 0.3, clipping: .none))
        var calls = 0
        try whole.step {
            calls += 1
            return Loss(Normal(mean: copy(x), variance: 0.5), targets: targets)
        }
        #expect(calls == 1)
    }

    @Test(arguments: [
        KFACOptimizer.Configuration(statisticsFraction: 0), .init(statisticsDecay: 1.5), .init(burnIn: -1),
        .init(rule: .quadraticModel(.init(fraction: 1.5))), .init(preconditionerDamping: .adaptive()),
        .init(damping: .adaptive(.init(interval: 0))), .init(damping: .adaptive(.init(decay: 0))),
        .init(rule: .quadraticModel(), preconditionerDamping: .adaptive(.init(interval: 0))),
        .init(statisticsPeriod: 0), .init(inverses: .roundRobin(every: 0)),
    ])
    func defects(configuration: KFACOptimizer.Configuration) {
        #expect(configuration.defect?.isEmpty == false)
        #expect(KFACOptimizer.Configuration().defect == nil)
    }
}
