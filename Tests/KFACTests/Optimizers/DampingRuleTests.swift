import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// How the damping changes, and what becomes of bad steps.
@Suite struct DampingRuleTests {
    static let rule = LevenbergMarquardt(initial: 2, interval: 5, decay: 0.95, minimum: 0.1, maximum: 10)
    static let factor = 0.7737809375

    @Test(arguments: [
        // A good, a middling and a bad ratio; the thresholds themselves change nothing.
        (-0.8, -1.0, 2 * factor), (-0.5, -1, 2), (-0.1, -1, 2 / factor), (-0.75, -1, 2), (-0.25, -1, 2),
        // A rise that nobody predicted: the ratio is negative.
        (0.5, -1, 2 / factor),
        // A fall although a rise was predicted is good, a rise that was predicted is not.
        (-0.5, 1, 2 * factor), (0.9, 1, 2 / factor), (0, 0, 2 / factor),
        // Nothing is known.
        (.nan, -1, 2 / factor), (.infinity, -1, 2 / factor), (-0.8, .nan, 2 * factor), (0.8, .nan, 2 / factor),
    ])
    func adaptation(actual: Double, predicted: Double, expected: Double) {
        let next = Self.rule.adapted(2, actualChange: actual, predictedChange: predicted)
        expectClose(Tensor(next), Tensor(expected), relative: 1e-12)
    }

    @Test func bounds() {
        #expect(Self.rule.adapted(0.11, actualChange: -1, predictedChange: -1) == 0.1)
        #expect(Self.rule.adapted(9.9, actualChange: 1, predictedChange: -1) == 10)
    }

    private let network = TestNetwork([3, 4, 2], seed: 5) { $0.tanh() }
    private let x = randomTensor([12, 3], seed: 6)
    private let targets = randomTensor([12, 2], seed: 7)

    private func loss() -> Loss { Loss(Normal(mean: network(x), variance: 0.5), targets: targets) }

    /// The adapted damping is the preconditioner's, from the next inverses on.
    @Test func reachesThePreconditioner() throws {
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .quadraticModel(), damping: .adaptive(.init(initial: 3, interval: 2, decay: 0.8)),
                estimation: .exact, inverses: .together(every: 1), regularization: .init(l2: 0.25)))
        var dampings: [Double] = []
        for step in 0..<6 {
            let before = optimizer.damping
            let report = try optimizer.step { loss() }
            #expect(report.damping == before)
            #expect(report.preconditionerDamping == before + 0.25)
            #expect((report.actualChange != nil) == (step % 2 == 1))
            dampings.append(before)
        }
        #expect(dampings[0] == 3 && dampings[1] == 3)
        expectClose(Tensor(dampings[2]), Tensor(3 * 0.64), relative: 1e-12)
        #expect(Set(dampings).count == 3)
    }

    /// The approximate curvature of a linear layer is the exact one, so that both predictions are the same for each
    /// rule.
    @Test(arguments: [StepRule.fixed(learningRate: 0.3), .momentumOfGradients(learningRate: 0.3, momentum: 0)])
    func predictions(rule: StepRule) throws {
        func change(_ prediction: LevenbergMarquardt.Prediction, countsDamping: Bool) throws -> Double {
            let problem = QuadraticModelTests.LinearGaussian()
            let optimizer = problem.optimizer(
                .init(
                    rule: rule,
                    damping: .adaptive(
                        .init(
                            initial: 0.5, interval: 1, minimum: 0, countsDamping: countsDamping, prediction: prediction)
                    ),
                    estimation: .exact, clipping: .none, regularization: .init(l2: 0.2),
                    factors: .init(dampingSplit: .exact)))
            return try #require(try optimizer.step { problem.loss() }.predictedChange)
        }
        let approximate = try change(.approximate, countsDamping: true)
        expectClose(Tensor(approximate), Tensor(try change(.exact(), countsDamping: true)), relative: 1e-9)
        // Momentum before preconditioning keeps the damping in, as in the original.
        if case .fixed = rule {
            let without = try change(.approximate, countsDamping: false)
            expectClose(Tensor(without), Tensor(try change(.exact(), countsDamping: false)), relative: 1e-9)
            #expect(without < approximate - 1e-3)
        }
    }

    /// A step that is too long is taken back, to the bit, and the damping rises; without rejection it stands.
    @Test(arguments: [true, false]) func rejection(rejects: Bool) throws {
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.05),
                damping: .adaptive(.init(initial: 0.1, interval: 1, decay: 0.5, rejectsBadSteps: rejects)),
                estimation: .exact, clipping: .none))
        let good = try optimizer.step { loss() }
        #expect(!good.isRejected)
        let parameters = network.parameters.map { $0.tensor.detached().copy() }
        let velocities = optimizer.velocities.map { $0.copy() }
        let damping = optimizer.damping

        optimizer.configuration.rule = .fixed(learningRate: 1e3)
        let bad = try optimizer.step { loss() }
        #expect(bad.isRejected == rejects)
        #expect(try #require(bad.actualChange) > 0)
        #expect(optimizer.damping == damping * 2)
        #expect(optimizer.stepCount == 2)
        let changes = zip(network.parameters, parameters).map { ($0.tensor.detached() - $1).abs().max().scalar }
        let velocityChanges = zip(optimizer.velocities, velocities).map { ($0 - $1).abs().max().scalar }
        if rejects {
            #expect(changes.allSatisfy { $0 == 0 } && velocityChanges.allSatisfy { $0 == 0 })
        } else {
            #expect(changes.allSatisfy { $0 > 0 })
        }
    }

    /// In single precision, a change that is small beside the loss and the L2 term keeps its digits.
    @Test func changesOfSmallSteps() throws {
        let layer = TestLayer([2, 8], seed: 1, dtype: .float32)
        let x = randomTensor([16384, 8], seed: 2, dtype: .float32)
        let targets = randomTensor([16384, 2], seed: 3, in: 20..<30, dtype: .float32)
        func loss(_ dtype: DType) -> Loss {
            let mean = linear(x.to(dtype), weight: layer.weight.to(dtype), bias: layer.bias!.to(dtype))
            return Loss(Normal(mean: mean), targets: targets.to(dtype))
        }
        let l2 = 100.0
        func objective() -> Double {
            let squares = layer.parameters.map { $0.detached().to(.float64).squared().sum().scalar }
            return loss(.float64).mean.scalar + l2 / 2 * squares.reduce(0, +)
        }
        let optimizer = KFACOptimizer(
            layer.named("layer"),
            configuration: .init(
                rule: .fixed(learningRate: 5e-6), damping: .adaptive(.init(initial: 1, interval: 1)), clipping: .none,
                regularization: .init(l2: l2)))
        let before = objective()
        let report = try optimizer.step {
            Loss(Normal(mean: layer(x)), targets: targets)
        }
        let change = objective() - before
        #expect(abs(change) < 1e-4 * before && abs(change) > 1e-7 * before)
        expectClose(Tensor(try #require(report.actualChange)), Tensor(change), relative: 1e-3)
    }

    /// What the loss closure throws when the batch is looked at again leaves the step undone.
    @Test func failureAfterTheStep() throws {
        struct Failure: Error {}
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(damping: .adaptive(.init(initial: 1, interval: 1)), estimation: .exact))
        let before = network.parameters.map { $0.tensor.detached().copy() }
        var calls = 0
        #expect(throws: Failure.self) {
            try optimizer.step { () throws -> Loss in
                calls += 1
                if calls == 2 { throw Failure() }
                return loss()
            }
        }
        #expect(calls == 2 && optimizer.stepCount == 0 && optimizer.damping == 1)
        for (parameter, copy) in zip(network.parameters, before) {
            #expect((parameter.tensor.detached() - copy).abs().max().scalar == 0)
        }
        #expect(optimizer.velocities.allSatisfy { $0.abs().max().scalar == 0 })
    }

    /// Every second step, the best of three dampings by the model's value is kept: as found by three optimisers.
    @Test func gammaSearch() throws {
        func run(_ dampings: [PreconditionerDamping]) throws -> [(damping: Double, value: Double)] {
            let network = TestNetwork([3, 6, 2], seed: 5) { $0.tanh() }
            let optimizer = KFACOptimizer(
                network.parameters,
                configuration: .init(
                    rule: .quadraticModel(), damping: 0.02, estimation: .exact, inverses: .together(every: 1)))
            return try dampings.map { damping in
                optimizer.configuration.preconditionerDamping = damping
                let report = try optimizer.step { Loss(Normal(mean: network(x), variance: 0.5), targets: targets) }
                let norm = try #require(report.updateNorm)
                return (
                    try #require(report.preconditionerDamping),
                    try #require(report.predictedChange) + 0.01 * norm * norm
                )
            }
        }
        let search = PreconditionerDamping.adaptive(GammaSearch(interval: 2, decay: 0.5))
        let found = try run([search, search, search])
        #expect(found[0].damping == 0.02 && found[1].damping == 0.02)
        let tried = try [0.02, 0.02 * 0.25, 0.02 / 0.25].map { candidate in
            try run([0.02, 0.02, candidate].map { .scheduled(.constant($0)) })[2]
        }
        let best = try #require(tried.min { $0.value < $1.value })
        #expect(best.damping != 0.02)
        expectClose(Tensor(found[2].damping), Tensor(best.damping), relative: 1e-12)
        expectClose(Tensor(found[2].value), Tensor(best.value), relative: 1e-9)
    }
}
