import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Whole training runs of the original, replayed by the library's optimiser from the initial parameters, the batches
/// and the targets that the curvature is estimated with.
@Suite struct TrajectoryGoldenTests {
    /// Predictions whose "random" targets are given.
    struct GivenTargets: PredictiveDistribution {
        let own: Categorical
        let targets: Tensor

        var parameters: [Tensor] { own.parameters }
        var hasNaturalParameters: Bool { own.hasNaturalParameters }
        func negativeLogLikelihood(of targets: Tensor) -> Tensor { own.negativeLogLikelihood(of: targets) }
        func sample(using generator: inout RandomGenerator) -> Tensor { targets }
        var fisherRank: Int { own.fisherRank }
        func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { own.fisherProduct(vectors) }
        func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { own.fisherFactorProduct(vector) }
        func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor { own.fisherFactorTransposedProduct(vectors) }
    }

    /// The two networks of the original's runs, in its memory layout outside and the library's inside.
    struct Network {
        let isConvolutional: Bool
        let parameters: [NamedParameter]

        init(_ golden: [Tensor]) {
            isConvolutional = golden[0].rank == 4
            parameters = zip(["first.weight", "first.bias", "second.weight", "second.bias"], golden).map {
                NamedParameter($0, Self.ownLayout($1).copy().requiringGradient())
            }
        }

        private init(isConvolutional: Bool, parameters: [NamedParameter]) {
            self.isConvolutional = isConvolutional
            self.parameters = parameters
        }

        /// The network with parameters of its own.
        func copy() -> Network {
            Network(
                isConvolutional: isConvolutional,
                parameters: parameters.map { NamedParameter($0.name, $0.tensor.detached().copy().requiringGradient()) })
        }

        /// [height, width, in, out] to [out, in, height, width], [in, out] to [out, in] (of pixels [row, column,
        /// channel] to [channel, row, column]).
        static func ownLayout(_ tensor: Tensor) -> Tensor {
            switch tensor.shape {
            case let shape where shape.count == 4: tensor.permuted(3, 2, 0, 1)
            case [36, 3]: tensor.reshaped([3, 3, 4, 3]).permuted(3, 2, 0, 1).reshaped([3, 36])
            case let shape where shape.count == 2: tensor.transposed()
            default: tensor
            }
        }

        func loss(_ golden: GoldenCase, _ step: Int) throws -> Loss {
            let (x, p) = (try golden["step\(step)_x"], parameters.map(\.tensor))
            let features =
                isConvolutional
                ? maxPooling2D(
                    convolution(x.permuted(0, 3, 1, 2), weight: p[0], bias: p[1], padding: [1, 1]).relu(),
                    window: [2, 2]
                ).flattened(from: 1)
                : linear(x, weight: p[0], bias: p[1]).tanh()
            let logits = linear(features, weight: p[2], bias: p[3])
            let targets = try golden["step\(step)_targets"].to(.int64)
            let sampled = try golden["step\(step)_sampled_targets"].to(.int64)
            return Loss(GivenTargets(own: Categorical(logits: logits), targets: sampled), targets: targets)
        }
    }

    static func stepRule(_ golden: GoldenCase) throws -> StepRule {
        let momentum = (golden.settings["momentum"] as? Double).map { Schedule.constant($0) } ?? 0
        let rate = (golden.settings["learning_rate"] as? Double).map { Schedule.constant($0) } ?? 1
        switch golden.settings["momentum_type"] as? String {
        case "regular": return .fixed(learningRate: rate, momentum: momentum)
        case "adam": return .momentumOfGradients(learningRate: rate, momentum: momentum)
        case "qmodel": return .quadraticModel()
        case "qmodel_fixedmu": return .quadraticModel(.init(momentum: .fixed(momentum)))
        default:
            Issue.record("no rule is called \(golden.settings["momentum_type"] ?? "nothing")")
            return .fixed()
        }
    }

    static func estimation(_ golden: GoldenCase) -> Estimation {
        switch golden.settings["estimation_mode"] as? String {
        case "empirical": .empirical
        case "exact": .exact
        default: .sampled()
        }
    }

    /// Compares parameters, velocities, loss and statistics after a step.
    static func expectSame(
        _ optimizer: KFACOptimizer, _ report: StepReport, _ golden: GoldenCase, _ step: Int, tolerance: Double
    ) throws {
        for (index, parameter) in optimizer.parameters.enumerated() {
            let expected = Network.ownLayout(try golden["step\(step)_param_\(index)"])
            expectClose(
                parameter.tensor.detached(), expected, relative: tolerance, absolute: tolerance,
                "parameter \(index) after step \(step)")
            let velocity = Network.ownLayout(try golden["step\(step)_velocity_\(index)"])
            let scale = velocity.abs().max().scalar
            expectClose(
                optimizer.velocities[index], velocity, relative: tolerance, absolute: tolerance * scale,
                "velocity \(index) after step \(step)")
        }
        expectClose(
            report.lossTensor.to(.float64), try golden["step\(step)_loss"].to(.float64), relative: tolerance,
            "the loss of step \(step)")
    }

    // MARK: The successor

    @Test(arguments: GoldenGroup.caseNames("kfac024_optimizer_trajectories"))
    func successor(name: String) throws {
        let golden = try GoldenGroup("kfac024_optimizer_trajectories").case(name)
        let network = Network(try (0..<4).map { try golden["init_\($0)"] })
        let initial = try golden.number("damping")
        var damping = Damping.constant(initial)
        let adaptation = golden.settings["damping_adaptation"] as? [String: Double]
        if let adaptation {
            damping = .adaptive(
                LevenbergMarquardt(
                    initial: initial, interval: Int(try #require(adaptation["interval"])),
                    decay: try #require(adaptation["decay"]), minimum: try #require(adaptation["min_damping"])))
        }
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: try Self.stepRule(golden), damping: damping, estimation: Self.estimation(golden),
                statisticsDecay: try golden.number("cov_ema_decay"),
                inverses: .together(every: Int(try golden.number("invert_every")), initially: 0), clipping: .none))
        let dtype = network.parameters[0].tensor.dtype
        let tolerance = GoldenTolerance.inverses(dtype)
        var ratios = 0
        for step in 0..<Int(try golden.number("steps")) {
            let report = try optimizer.step { try network.loss(golden, step) }
            try Self.expectSame(optimizer, report, golden, step, tolerance: tolerance)
            func expect(_ value: Double?, _ name: String, absolute: Double = 0) throws {
                let expected = try golden["step\(step)_\(name)"].to(.float64)
                expectClose(
                    Tensor(try #require(value)), expected, relative: tolerance, absolute: absolute,
                    "\(name) of step \(step)")
            }
            try expect(optimizer.damping, "damping")
            try expect(report.learningRate, "learning_rate")
            try expect(report.momentum, "momentum", absolute: tolerance)
            if let change = report.predictedChange { try expect(change, "qmodel_change") }
            if let ratio = report.reductionRatio {
                ratios += 1
                try expect(ratio, "rho", absolute: 10 * tolerance)
            }
        }
        #expect(ratios == (adaptation == nil ? 0 : 2))
    }

    // MARK: The seed

    @Test(arguments: GoldenGroup.caseNames("seed17_optimizer_trajectories"))
    func seed(name: String) throws {
        let golden = try GoldenGroup("seed17_optimizer_trajectories").case(name)
        let network = Network(try ["w1", "b1", "w2", "b2"].map { try golden["init_\($0)"] })
        let initial = try golden.number("damping")
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: try Self.stepRule(golden), damping: .constant(initial),
                // The adapted damping of the original never reaches its factors.
                preconditionerDamping: .scheduled(.constant(initial)), estimation: Self.estimation(golden),
                statisticsDecay: try golden.number("cov_ema_decay"),
                inverses: .together(every: Int(try golden.number("inverse_every")), initially: 0), clipping: .none,
                factors: .tensorFlow17))
        let tolerance = GoldenTolerance.inverses(network.parameters[0].tensor.dtype)
        let adaptation = golden.settings["damping_adaptation"] as? [String: Double]
        let rule = try adaptation.map {
            LevenbergMarquardt(
                initial: initial, interval: Int(try #require($0["interval"])), decay: try #require($0["decay"]),
                minimum: try #require($0["min_damping"]), countsDamping: true)
        }
        var damping = initial
        var change: Double?
        var lastLoss = 0.0
        for step in 0..<Int(try golden.number("steps")) {
            // The original adapts by a call of its own before the step, on the batch before.
            if let rule, (step + 1) % rule.interval == 0, let predicted = change {
                let after = try network.loss(golden, step - 1).mean.scalar
                let ratio = (after - lastLoss) / predicted
                expectClose(
                    Tensor(ratio), try golden["step\(step)_rho"].to(.float64), relative: 10 * tolerance,
                    "the ratio before step \(step)")
                damping = rule.adapted(damping, actualChange: after - lastLoss, predictedChange: predicted)
            }
            optimizer.configuration.damping = .constant(damping)
            if rule != nil {
                expectClose(
                    Tensor(damping), try golden["step\(step)_damping_after"].to(.float64), relative: tolerance,
                    "the damping of step \(step)")
            }
            let lastVelocities = optimizer.velocities
            let before = network.copy()
            let report = try optimizer.step { try network.loss(golden, step) }
            try Self.expectSame(optimizer, report, golden, step, tolerance: tolerance)
            lastLoss = report.loss
            guard rule != nil else { continue }
            if case .quadraticModel = optimizer.configuration.rule {
                let norm = try #require(report.updateNorm)
                change = try #require(report.predictedChange) + damping / 2 * norm * norm
            } else {
                // Not of the step taken, but of the best one in the plane of direction and last step.
                let direction = zip(optimizer.velocities, lastVelocities).map { $0 - $1 * report.momentum }
                let lastStep = step > 0 ? [lastVelocities.map { $0 * -report.learningRate }] : []
                change = try Self.bestChange(
                    [direction] + lastStep, of: before.loss(golden, step), before.parameters.map(\.tensor), damping)
            }
            expectClose(
                Tensor(try #require(change)), try golden["step\(step)_q_model_change"].to(.float64),
                relative: tolerance, "the quadratic model's change of step \(step)")
        }
    }

    /// The least value of the exact quadratic model in the span of some directions.
    static func bestChange(
        _ directions: [[Tensor]], of loss: Loss, _ parameters: [Tensor], _ damping: Double
    ) -> Double {
        let gradient = gradients(of: loss.mean, withRespectTo: parameters, keepingGraph: true)
        let form = CurvatureProducts(loss, parameters: parameters, reduction: .mean)
            .quadraticForm(of: .fisher, with: directions)
        let model = withoutGradients {
            QuadraticModel(
                curvature: form, directions: directions, gradient: gradient, regularization: parameters.map { _ in 0 },
                damping: damping)
        }
        return model.value(at: model.minimizer())
    }
}
