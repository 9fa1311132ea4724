import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What all first-order methods have in common.
@Suite struct BaselineBehaviourTests {
    // As matrices with sides that differ by one, so that the eigenvectors of one gradient's moments are unique.
    private static let shapes: [(name: String, shape: [Int])] = [
        ("matrix", [3, 4]), ("vector", [5]), ("kernel", [3, 2, 2, 1]), ("number", []),
    ]

    private static func parameters(seed: UInt64 = 1) -> [NamedParameter] {
        shapes.enumerated().map { index, entry in
            NamedParameter(entry.name, parameter(entry.shape, seed: seed + UInt64(index)))
        }
    }

    private static func values(_ parameters: [NamedParameter]) -> [Tensor] {
        parameters.map { $0.tensor.detached().copy() }
    }

    /// Fits a linear layer to targets that one can produce, and with a gradient of every rank.
    @Test(arguments: Method.all())
    func aQuadraticProblemIsSolved(method: Method) throws {
        let target = TestLayer([3, 4], seed: 1)
        let layer = TestLayer([3, 4], seed: 2)
        let x = randomTensor([20, 4], seed: 3)
        let y = target(x).detached()
        let optimizer = FirstOrderOptimizer(layer.named("layer"), rule: method.rule.withRate(fallingOver: 400))
        var losses: [Double] = []
        for _ in 0..<400 {
            // Without the constant of the normal distribution.
            let report = try optimizer.step { Loss(Normal(mean: layer(x)), targets: y) }
            losses.append(report.loss)
        }
        let least = Loss(Normal(mean: y), targets: y).mean.scalar
        #expect(losses[399] - least < 1e-4 * (losses[0] - least))
        #expect(optimizer.stepCount == 400)
    }

    @Test(arguments: Method.all(), [DType.float64, .float32])
    func zeroGradientsDoNothing(method: Method, dtype: DType) throws {
        let parameters = Self.parameters().map {
            NamedParameter($0.name, $0.tensor.detached().to(dtype).copy().requiringGradient())
        }
        let before = Self.values(parameters)
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        for _ in 0..<8 {
            try optimizer.step { linearLoss(parameters, gradients: before.map { Tensor.zeros(like: $0) }) }
        }
        for (parameter, value) in zip(parameters, before) {
            #expect((parameter.tensor.detached() .== value).all(), "\(parameter.name)")
        }
        // And what comes after them is finite.
        try optimizer.step { linearLoss(parameters, gradients: before) }
        for parameter in parameters { #expect(parameter.tensor.detached().isFinite().all(), "\(parameter.name)") }
    }

    /// All gradients have rank 1, at wildly different scales, in single precision.
    @Test(arguments: Method.all())
    func gradientsOfRankOneKeepStepsFinite(method: Method) throws {
        let weight = parameter([6, 5], seed: 1, dtype: .float32)
        let parameters = [NamedParameter("weight", weight)]
        let start = weight.detached().copy()
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        for step in 0..<12 {
            let (left, right) = (
                randomTensor([6, 1], seed: UInt64(step), dtype: .float32),
                randomTensor([1, 5], seed: 50, dtype: .float32)
            )
            let scale = [1e-12, 1, 1e-6][step % 3]
            try optimizer.step { linearLoss(parameters, gradients: [left.matmul(right) * scale]) }
        }
        #expect(weight.detached().isFinite().all())
        #expect((weight.detached() - start).norm().scalar < 50)
        #expect((weight.detached() - start).norm().scalar > 0)
    }

    /// With gradients that are zero, only the decay acts: by 1 − α λ at each step.
    @Test(arguments: Method.all(rate: .linear(from: 0.1, to: 0, steps: 8), weightDecay: 0.5))
    func weightDecayIsDecoupled(method: Method) throws {
        guard !method.rule.decaysThroughGradient else { return }
        let parameters = Self.parameters()
        let before = Self.values(parameters)
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        var factor = 1.0
        for step in 0..<5 {
            try optimizer.step { linearLoss(parameters, gradients: before.map { Tensor.zeros(like: $0) }) }
            let rate: Double = 0.1 * (1 - Double(step) / 8)
            if step > 0 || !method.rule.beginsWithoutMoving { factor *= 1 - rate * 0.5 }
        }
        for (parameter, value) in zip(parameters, before) {
            expectClose(parameter.tensor, value * factor, relative: 1e-12, absolute: 0, parameter.name)
        }
    }

    /// A multiple of the gradient makes the same steps for all methods that normalise it.
    @Test(arguments: Method.all())
    func theScaleOfTheLossDoesNotMatter(method: Method) throws {
        guard !method.rule.decaysThroughGradient else { return }
        // Eigenvalues begin at a number of their own.
        if case .klShampoo = method.rule { return }
        func run(scale: Double) throws -> [Tensor] {
            let parameters = Self.parameters()
            let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
            for step in 0..<6 {
                let gradients = Self.parameters(seed: UInt64(10 + step)).map { $0.tensor.detached() * scale }
                try optimizer.step { linearLoss(parameters, gradients: gradients) }
            }
            return Self.values(parameters)
        }
        for (a, b) in zip(try run(scale: 1), try run(scale: 64)) { expectClose(a, b, relative: 1e-4, absolute: 1e-5) }
    }

    @Test(arguments: Method.all())
    func parametersWithoutGradientAreLeftAlone(method: Method) throws {
        let parameters = Self.parameters()
        let frozen = NamedParameter("frozen", randomTensor([2, 2], seed: 9))
        let before = frozen.tensor.copy()
        let optimizer = FirstOrderOptimizer(parameters + [frozen], rule: method.rule)
        for step in 0..<2 {
            let gradients = Self.parameters(seed: UInt64(10 + step)).map { $0.tensor.detached() }
            try optimizer.step { linearLoss(parameters, gradients: gradients) }
        }
        #expect((frozen.tensor .== before).all())
    }

    /// The same steps whether or not some failed in between.
    @Test(arguments: Method.all())
    func failuresLeaveNoTrace(method: Method) throws {
        struct Stop: Error {}
        func run(failing: Bool) throws -> [Tensor] {
            let parameters = Self.parameters()
            let other = NamedParameter("other", parameter([2, 3], seed: 8))
            let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
            for step in 0..<7 {
                let gradients = Self.parameters(seed: UInt64(10 + step)).map { $0.tensor.detached() }
                if failing {
                    let before = Self.values(parameters)
                    #expect(throws: Stop.self) { try optimizer.step { throw Stop() } }
                    let error = #expect(throws: OptimizerError.self) {
                        try optimizer.step { linearLoss([other], gradients: [Tensor.ones([2, 3])]) }
                    }
                    #expect(error?.description.contains("does not depend on matrix, vector, kernel, number") == true)
                    for (a, b) in zip(Self.values(parameters), before) { #expect((a .== b).all()) }
                    #expect(optimizer.stepCount == step)
                }
                try optimizer.step { linearLoss(parameters, gradients: gradients) }
            }
            return Self.values(parameters)
        }
        for (a, b) in zip(try run(failing: true), try run(failing: false)) { #expect((a .== b).all()) }
    }

    /// Gradients that are not finite stop a new preconditioner with the parameter's name, and leave everything as it
    /// was.
    @Test(arguments: Method.all().filter { !$0.rule.decaysThroughGradient }, [Double.nan, .infinity])
    func preconditionersThatAreNotFinite(method: Method, value: Double) throws {
        switch method.rule {
        case .shampoo, .soap, .klShampoo: break
        default: return
        }
        let parameters = Self.parameters()
        let optimizer = FirstOrderOptimizer(parameters, rule: method.rule)
        optimizer.guards = .off
        let before = Self.values(parameters)
        var bad = before
        bad[0] = Tensor.full(like: bad[0], value)
        let error = #expect(throws: OptimizerError.self) {
            try optimizer.step(gradients: bad)
        }
        #expect(error?.description.contains("the preconditioner of matrix could not be found at step 0") == true)
        #expect(error?.description.contains("lower the learning rate") == true)
        for (a, b) in zip(Self.values(parameters), before) { #expect((a .== b).all()) }
        #expect(optimizer.stepCount == 0)

        // Afterwards all is as if it had not been tried.
        let fresh = Self.parameters()
        let other = FirstOrderOptimizer(fresh, rule: method.rule)
        for step in 0..<4 {
            let gradients = Self.parameters(seed: UInt64(10 + step)).map { $0.tensor.detached() }
            try optimizer.step { linearLoss(parameters, gradients: gradients) }
            try other.step { linearLoss(fresh, gradients: gradients) }
        }
        for (a, b) in zip(Self.values(parameters), Self.values(fresh)) { #expect((a .== b).all()) }
    }

    @Test func reportsTellOfNewPreconditioners() throws {
        func refreshes(_ rule: FirstOrderRule) throws -> [Int] {
            let parameters = Self.parameters()
            let optimizer = FirstOrderOptimizer(parameters, rule: rule)
            return try (0..<7).map { step in
                let gradients = Self.parameters(seed: UInt64(10 + step)).map { $0.tensor.detached() }
                return try optimizer.step { linearLoss(parameters, gradients: gradients) }.refreshedInverses
            }
        }
        #expect(try refreshes(.shampoo(.init(period: 3, start: 1))) == [0, 4, 0, 0, 4, 0, 0])
        // A basis that is due after a step is found at the beginning of the next one.
        #expect(try refreshes(.soap(.init(period: 2))) == [4, 0, 0, 4, 0, 4, 0])
        #expect(try refreshes(.klShampoo(.init(period: 2))) == [4, 0, 0, 4, 0, 4, 0])
        #expect(try refreshes(.muon(.init())) == [0, 0, 0, 0, 0, 0, 0])
    }
}

extension FirstOrderRule {
    /// The same method with a learning rate that falls in a straight line to zero.
    fileprivate func withRate(fallingOver steps: Int) -> FirstOrderRule {
        func falling(_ rate: Schedule) -> Schedule { .linear(from: rate(0), to: 0, steps: steps) }
        switch self {
        case .sgd(var own):
            own.learningRate = falling(own.learningRate)
            return .sgd(own)
        case .adam(var own):
            own.learningRate = falling(own.learningRate)
            return .adam(own)
        case .shampoo(var own):
            own.learningRate = falling(own.learningRate)
            return .shampoo(own)
        case .soap(var own):
            own.learningRate = falling(own.learningRate)
            return .soap(own)
        case .klShampoo(var own):
            own.learningRate = falling(own.learningRate)
            return .klShampoo(own)
        case .muon(var own):
            own.learningRate = falling(own.learningRate)
            own.adam.learningRate = falling(own.adam.learningRate)
            return .muon(own)
        }
    }
}
