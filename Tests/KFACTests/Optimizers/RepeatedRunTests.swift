import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Steps that run the loss closure again: with derivatives inside of it, and with random numbers drawn in it.
@Suite struct RepeatedRunTests {
    /// Everything that looks at the batch more than once.
    static let configurations: [KFACOptimizer.Configuration] = [
        .init(
            rule: .fixed(learningRate: 0.02), damping: .adaptive(.init(initial: 1, interval: 1)), estimation: .exact),
        .init(
            rule: .fixed(learningRate: 0.02), damping: .adaptive(.init(initial: 1, interval: 1, prediction: .exact())),
            estimation: .exact),
        .init(
            rule: .fixed(learningRate: 0.02),
            damping: .adaptive(.init(initial: 1, interval: 1, prediction: .exact(fraction: 0.5))), estimation: .exact),
        .init(
            rule: .momentumOfGradients(learningRate: 0.02), damping: .adaptive(.init(initial: 1, interval: 1)),
            estimation: .sampled()),
        .init(rule: .quadraticModel(), damping: .adaptive(.init(initial: 1, interval: 1)), estimation: .exact),
        .init(
            rule: .quadraticModel(.init(fraction: 0.5)), damping: .adaptive(.init(initial: 1, interval: 1)),
            estimation: .sampled()),
        .init(
            rule: .quadraticModel(), damping: .adaptive(.init(initial: 1, interval: 2)),
            preconditionerDamping: .adaptive(.init(interval: 2)), estimation: .sampled()),
        .init(
            rule: .quadraticModel(), damping: .adaptive(.init(initial: 1, interval: 1)), estimation: .sampled(),
            statisticsFraction: 0.5, regularization: .init(l2: 0.01)),
    ]

    /// −u″ = sin 3x with a penalty of u on the boundary, at eight points, of which a range is taken.
    struct Equation {
        let network = TestNetwork([1, 6, 1], seed: 3) { $0.tanh() }
        let points = randomTensor([8, 1], seed: 4, in: 0..<3)

        func loss(_ range: Range<Int> = 0..<8) -> Loss {
            let x = points[range].copy().requiringGradient()
            func derivative(_ u: Tensor) -> Tensor {
                gradients(of: u.sum(), withRespectTo: [x], differentiable: true)[0]
            }
            let second = derivative(derivative(network(x)))
            let boundary = network(Tensor.zeros([range.count, 1], dtype: .float64))
            return Loss(Normal(mean: second), targets: -(x.detached() * 3).sin())
                + Loss(Normal(mean: boundary), targets: Tensor.zeros([range.count, 1], dtype: .float64))
        }
    }

    /// A closure that differentiates inside: the changes are those of the objective, and of its exact model.
    @Test(arguments: configurations.indices) func derivativesInTheClosure(index: Int) throws {
        let configuration = Self.configurations[index]
        let equation = Equation()
        let parameters = equation.network.parameters.map(\.tensor)
        let l2 = configuration.regularization.l2
        let optimizer = KFACOptimizer(equation.network.parameters, configuration: configuration)
        func penalty() -> Double { parameters.map { $0.squared().sum().scalar }.reduce(0, +) * l2 / 2 }
        for _ in 0..<4 {
            let theta = Dense.vector(parameters.map { $0.detached() })
            let loss = equation.loss()
            let jacobians = loss.terms.map { Dense.jacobian(of: $0.distribution.parameters, withRespectTo: parameters) }
            let slope = Dense.vector(gradients(of: loss.mean, withRespectTo: parameters)) + theta * l2
            let before = loss.mean.scalar + penalty()
            let report = try optimizer.step(examples: 8) { equation.loss($0) }
            #expect(report.guards.isEmpty && !report.isRejected)
            let s = Dense.vector(parameters.map { $0.detached() }) - theta
            if let change = report.actualChange {
                expectClose(
                    Tensor(change), Tensor(equation.loss().mean.scalar + penalty() - before), relative: 1e-9,
                    absolute: 1e-12)
            }
            // Of unit variances, F is the sum of JᵀJ.
            let curvature = jacobians.map { $0.matmul(s).squared().sum().scalar }.reduce(0, +) / 8
            let isExact =
                switch (configuration.rule, configuration.damping) {
                case (.quadraticModel(let rule), _): rule.fraction == 1
                case (_, .adaptive(let rule)): rule.prediction == .exact()
                default: false
                }
            if isExact {
                expectClose(
                    Tensor(try #require(report.predictedChange)),
                    Tensor(slope.dot(s).scalar + curvature / 2 + l2 / 2 * s.dot(s).scalar), relative: 1e-9)
            }
        }
    }

    /// A network with dropout of its own and with noise that the closure draws, or with both as given.
    final class NoisyNetwork {
        let network = TestNetwork([3, 6, 2], seed: 5) { $0.tanh() }
        let x = randomTensor([12, 3], seed: 6)
        let targets = randomTensor([12, 2], seed: 7)
        let dropout: Dropout
        var noise = RandomGenerator(seed: 8)
        private(set) var losses: [(theta: [Double], range: Range<Int>, loss: Double)] = []

        init() {
            var generator = RandomGenerator(seed: 9)
            dropout = Dropout(0.3, using: &generator)
        }

        /// The masks and the noise of a step, drawn from the same generators.
        func draws() -> (mask: Tensor, noise: Tensor) {
            let hidden = Tensor.ones([12, 6], dtype: .float64)
            return (dropout(hidden), noise.normal([12, 2], standardDeviation: 0.1, dtype: .float64))
        }

        func loss(_ range: Range<Int>, with draws: (mask: Tensor, noise: Tensor)? = nil) -> Loss {
            let hidden = network.layers[0](x[range]).tanh()
            let dropped = draws.map { hidden * $0.mask[range] } ?? dropout(hidden)
            let noise =
                draws?.noise[range] ?? noise.normal([range.count, 2], standardDeviation: 0.1, dtype: .float64)
            let loss = Loss(Normal(mean: network.layers[1](dropped) + noise, variance: 0.5), targets: targets[range])
            losses.append((theta, range, loss.mean.scalar))
            return loss
        }

        var theta: [Double] { network.parameters.flatMap { $0.tensor.detached().flattened().array(of: Double.self) } }
    }

    /// Drawn in the closure, masks and noise do the same as drawn once before the step: the same reports and
    /// parameters, to the bit, and the same states of the generators.
    @Test(arguments: configurations.indices) func drawsInTheClosure(index: Int) throws {
        let configuration = Self.configurations[index]
        let (drawing, given) = (NoisyNetwork(), NoisyNetwork())
        let optimizers = [drawing, given].map { KFACOptimizer($0.network.parameters, configuration: configuration) }
        // Shares of a batch draw tensors of another shape, whose numbers may be others.
        let isWhole = configuration.statisticsFraction == 1 && !Self.takesShares(configuration)
        var ratios: [Double] = []
        for step in 0..<30 {
            let runs = drawing.losses.count
            let own = try optimizers[0].step(examples: 12) { drawing.loss($0) }
            // With the same parameters and examples, the loss is the same again.
            for run in drawing.losses[runs...] where run.theta == drawing.losses[runs].theta && run.range == 0..<12 {
                #expect(run.loss == drawing.losses[runs].loss, "step \(step)")
            }
            let draws = given.draws()
            let other = try optimizers[1].step(examples: 12) { given.loss($0, with: draws) }
            #expect(own.loss == other.loss || !isWhole, "step \(step)")
            if isWhole {
                #expect(own.reductionRatio == other.reductionRatio, "step \(step)")
                #expect(drawing.theta == given.theta, "step \(step)")
            }
            if let ratio = own.reductionRatio { ratios.append(ratio) }
            #expect(drawing.dropout.generator.state == given.dropout.generator.state, "step \(step)")
            #expect(drawing.noise.state == given.noise.state, "step \(step)")
        }
        if case .quadraticModel = configuration.rule, isWhole {
            #expect(ratios.allSatisfy { (0.3...1.7).contains($0) }, "\(ratios)")
        }
    }

    private static func takesShares(_ configuration: KFACOptimizer.Configuration) -> Bool {
        if case .quadraticModel(let rule) = configuration.rule { return rule.fraction < 1 }
        if case .adaptive(let rule) = configuration.damping, case .exact(let fraction) = rule.prediction {
            return fraction < 1
        }
        return false
    }

    /// Each part of a batch has draws of its own, and keeps them.
    @Test func drawsInParts() throws {
        let subject = NoisyNetwork()
        let optimizer = KFACOptimizer(
            subject.network.parameters,
            configuration: .init(rule: .quadraticModel(), damping: .adaptive(.init(interval: 1)), estimation: .exact))
        var noise = subject.noise
        try optimizer.step(examples: 12, inPartsOf: 4) { subject.loss($0) }
        // Three parts for the gradient, three for the model and three after the step.
        #expect(subject.losses.count == 9)
        for part in 0..<3 { #expect(subject.losses[part].loss == subject.losses[part + 3].loss) }
        for _ in 0..<3 { _ = noise.normal([4, 2], standardDeviation: 0.1, dtype: .float64) }
        #expect(noise.state == subject.noise.state)
    }

    /// A step that fails, or is taken back, leaves the generators as the first run did.
    @Test func drawsOfStepsThatFail() throws {
        struct Failure: Error {}
        for fails in [true, false] {
            let subject = NoisyNetwork()
            let optimizer = KFACOptimizer(
                subject.network.parameters,
                configuration: .init(
                    rule: .fixed(learningRate: 1e3), damping: .adaptive(.init(interval: 1, rejectsBadSteps: true)),
                    estimation: .exact, clipping: .none))
            var (dropout, noise) = (subject.dropout.generator, subject.noise)
            _ = dropout.bernoulli(Tensor.full([12, 6], 0.7, dtype: .float64))
            _ = noise.normal([12, 2], standardDeviation: 0.1, dtype: .float64)
            let report = try? optimizer.step { () throws -> Loss in
                let loss = subject.loss(0..<12)
                if fails, subject.losses.count == 2 { throw Failure() }
                return loss
            }
            #expect((report == nil) == fails && report?.isRejected != false)
            #expect(subject.losses.count == 2)
            #expect(subject.dropout.generator.state == dropout.state)
            #expect(subject.noise.state == noise.state)
        }
    }
}
