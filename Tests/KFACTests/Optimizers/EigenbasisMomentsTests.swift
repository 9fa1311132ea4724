import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Moments in the eigenbasis in closed form, and among other choices.
@Suite struct EigenbasisMomentsTests {
    private let x = randomTensor([12, 3], seed: 6, dtype: .float64)
    private let targets = randomTensor([12, 2], seed: 7, dtype: .float64)

    private func network() -> TestNetwork { TestNetwork([3, 4, 2], seed: 5) { $0.tanh() } }

    private func loss(_ network: TestNetwork, _ x: Tensor? = nil) -> Loss {
        Loss(Normal(mean: network(x ?? self.x), variance: 0.5), targets: targets)
    }

    private func optimizer(
        _ parameters: [NamedParameter], _ rule: EigenbasisMoments = EigenbasisMoments(),
        _ change: (inout KFACOptimizer.Configuration) -> Void = { _ in }
    ) -> KFACOptimizer {
        var configuration = KFACOptimizer.Configuration(
            rule: .eigenbasisMoments(rule), estimation: .exact, inverses: .together(every: 2, initially: 1))
        change(&configuration)
        return KFACOptimizer(parameters, configuration: configuration)
    }

    /// The first step has the length of the learning rate in each coordinate of the basis: its signs, with Nesterov's
    /// form or without.
    @Test(arguments: [false, true]) func firstStepIsTheSignInTheBasis(nesterov: Bool) throws {
        let network = network()
        let before = network.parameters.map { $0.tensor.detached().copy() }
        let gradient = gradients(of: loss(network).mean, withRespectTo: network.parameters.map(\.tensor))
        let optimizer = optimizer(network.parameters, .init(learningRate: 0.01, epsilon: 1e-14, nesterov: nesterov))
        let report = try optimizer.step { loss(network) }
        let count = network.parameters.reduce(0) { $0 + $1.tensor.count }
        expectClose(Tensor(report.updateNorm!), Tensor(0.01 * Double(count).squareRoot()), relative: 1e-9)
        var number = 0
        for block in optimizer.curvature.blocks {
            let (_, basis) = (block.name, try block.eigenbasisUpdate(in: .float64)())
            let own = number..<(number + block.parameters.count)
            number = own.upperBound
            let expected = basis.coordinates(of: block.vector(from: own.map { gradient[$0] })).sign() * -0.01
            let change = own.map { network.parameters[$0].tensor.detached() - before[$0] }
            expectClose(basis.coordinates(of: block.vector(from: change)), expected, relative: 1e-8, absolute: 1e-12)
        }
    }

    /// Along the coordinate axes it is Adam, with decoupled weight decay.
    @Test func alongTheAxesItIsAdam() throws {
        let (ours, theirs) = (network(), network())
        let optimizer = optimizer(
            ours.parameters, .init(learningRate: 0.02, beta1: 0.8, beta2: 0.9, epsilon: 1e-4, nesterov: false)
        ) {
            $0.layers = LayerChoices(names: ["layers": .genericDiagonal])
            $0.regularization = Regularization(weightDecay: 0.3)
        }
        let adam = Adam(
            theirs.parameters,
            configuration: .init(learningRate: 0.02, beta1: 0.8, beta2: 0.9, epsilon: 1e-4, weightDecay: 0.3))
        for _ in 0..<6 {
            try optimizer.step { loss(ours) }
            try adam.step { loss(theirs) }
            for (own, other) in zip(ours.parameters, theirs.parameters) {
                expectClose(own.tensor, other.tensor, relative: 1e-10, absolute: 1e-12)
            }
        }
    }

    /// Along the coordinate axes, Nesterov's form is that of a few lines by hand.
    @Test func alongTheAxesNesterovsFormIsNadam() throws {
        let network = network()
        let optimizer = optimizer(network.parameters, .init(learningRate: 0.02, beta1: 0.8, beta2: 0.9)) {
            $0.layers = LayerChoices(names: ["layers": .genericDiagonal])
        }
        var theta = network.parameters.map { $0.tensor.detached().copy() }
        var (means, squares) = (theta.map { Tensor.zeros(like: $0) }, theta.map { Tensor.zeros(like: $0) })
        var (power1, power2) = (1.0, 1.0)
        for _ in 0..<6 {
            let gradient = gradients(of: loss(network).mean, withRespectTo: network.parameters.map(\.tensor))
            try optimizer.step { loss(network) }
            (power1, power2) = (power1 * 0.8, power2 * 0.9)
            for (index, g) in gradient.enumerated() {
                means[index] = 0.8 * means[index] + 0.2 * g
                squares[index] = 0.9 * squares[index] + 0.1 * g.squared()
                let mean = (0.8 * means[index] + 0.2 * g) / (1 - 0.8 * power1)
                theta[index] -= 0.02 * mean / ((squares[index] / (1 - power2)).squareRoot() + 1e-8)
                expectClose(network.parameters[index].tensor, theta[index], relative: 1e-10, absolute: 1e-12)
            }
        }
    }

    /// Inputs in other orthonormal coordinates lead to the same network.
    @Test func stepsDoNotDependOnTheInputsAxes() throws {
        let rotation = try randomTensor([3, 3], seed: 11, dtype: .float64).qr().orthogonal
        let ours = network()
        var theirs = network()
        theirs.layers[0] = TestLayer(
            weight: theirs.layers[0].weight.detached().matmul(rotation), bias: theirs.layers[0].bias)
        let (first, second) = (optimizer(ours.parameters), optimizer(theirs.parameters))
        for _ in 0..<8 {
            try first.step { loss(ours) }
            try second.step { loss(theirs, x.matmul(rotation)) }
            expectClose(theirs(x.matmul(rotation)), ours(x), relative: 1e-7, absolute: 1e-7)
            expectClose(
                theirs.layers[0].weight, ours.layers[0].weight.detached().matmul(rotation), relative: 1e-7,
                absolute: 1e-7)
        }
    }

    /// Only coordinates that agree with the newest gradient move, and the share that they are makes up for the rest.
    @Test func cautiousStepsAgreeWithTheGradient() throws {
        let gradients = [[1.0, -1, 2, 1], [-1, -1, -1, 1]].map { Tensor($0, shape: [4, 1]) }
        func moments(_ cautious: Bool) -> [Tensor] {
            let rule = EigenbasisMoments(epsilon: 0, nesterov: false, cautious: cautious)
            var moments = GradientMoments(like: gradients[0])
            return gradients.map { moments.direction(after: $0, rule) }
        }
        let (plain, masked) = (moments(false), moments(true))
        expectClose(masked[0], plain[0], relative: 1e-14)
        // m of the first and third coordinate: about 1 and 0 of them still agree.
        let agrees = (plain[1] * gradients[1] .> 0).to(.float64)
        #expect(agrees.sum().scalar > 0 && agrees.sum().scalar < 4)
        expectClose(masked[1], plain[1] * agrees * (4 / agrees.sum().scalar), relative: 1e-13)
    }

    /// Parameters of a layer of which one is frozen between updates of the statistics go on; the frozen one stays.
    @Test func goesOnWithoutAPartOfALayer() throws {
        let network = network()
        let optimizer = optimizer(network.parameters, .init(learningRate: 0.01)) { $0.statisticsPeriod = 10 }
        try optimizer.step { loss(network) }
        let bias = network.parameters[1]
        let (weightBefore, biasBefore) = (network.parameters[0].tensor.detached().copy(), bias.tensor.detached().copy())
        bias.tensor.requiringGradient(false)
        for _ in 0..<3 { try optimizer.step { loss(network) } }
        #expect((bias.tensor .== biasBefore).all())
        let change = (network.parameters[0].tensor.detached() - weightBefore).abs().max().scalar
        // Moments bound each step by the rate, in any basis: √12 times that of a coordinate; plain gradients do not.
        #expect(change > 1e-3 && change < 3 * 0.01 * 12.0.squareRoot())
    }

    /// A change of the rule begins anew, in either direction.
    @Test func followsAChangeOfTheRule() throws {
        let network = network()
        let optimizer = optimizer(network.parameters) { $0.inverses = .together(every: 100, initially: 1) }
        let own = optimizer.configuration.rule
        for rule in [own, .fixed(learningRate: 0.1), own, .quadraticModel(), .momentumOfGradients(), own] {
            optimizer.configuration.rule = rule
            let report = try optimizer.step { loss(network) }
            #expect(report.refreshedInverses == optimizer.curvature.blocks.count || rule == .momentumOfGradients())
            #expect(!report.isRejected && report.guards.isEmpty)
            #expect(optimizer.preconditioner.moments.isEmpty == (rule != own))
        }
    }

    @Test(arguments: [InverseSchedule.background(every: 3, after: 2), .roundRobin(every: 3), .growing(every: 6)])
    func trains(_ schedule: InverseSchedule) throws {
        let network = network()
        let optimizer = optimizer(network.parameters, .init(learningRate: 0.02, cautious: true)) {
            $0.inverses = schedule
        }
        let teacher = TestNetwork([3, 4, 2], seed: 9) { $0.tanh() }
        func loss() -> Loss { Loss(Normal(mean: network(x)), targets: teacher(x).detached()) }
        let least = Loss(Normal(mean: teacher(x)), targets: teacher(x).detached()).mean.scalar
        let first = try optimizer.step(loss).loss
        for _ in 0..<80 { try optimizer.step(loss) }
        #expect(try optimizer.step(loss).loss - least < 0.1 * (first - least))
    }

    /// A basis that cannot be computed is replaced by that of double precision, by the last one, or by the axes; the
    /// moments go along.
    @Test func failedBasesAreReplaced() throws {
        let network = GuardCase.linear.network(.float32)
        let optimizer = network.optimizer(rule: .eigenbasisMoments(), inverses: .together(every: 1, initially: 1))
        let rungs: [InverseRung?] = [.identity, nil, .doublePrecision, .lastGood, nil]
        for (step, rung) in rungs.enumerated() {
            let fault: InverseLadder.Fault = { _, attempt in
                switch rung {
                case .doublePrecision: attempt == nil
                case .lastGood: attempt == nil || attempt == .doublePrecision
                case .identity: true
                default: false
                }
            }
            let report = try InverseLadder.$fault.withValue(fault) {
                try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
            }
            #expect(report.inverses.map(\.repair) == [rung, rung] && !report.isRejected && network.isFinite)
            #expect(optimizer.preconditioner.moments.count == 2)
            let weights = optimizer.preconditioner.moments.values.map(\.meanWeight)
            #expect(weights.allSatisfy { $0 > 0.04 * Double(step + 1) })
        }
    }

    /// A step that the first-order rule's part makes a guard undo leaves the moments as they were, in the new basis.
    @Test func undoneStepsKeepTheMoments() throws {
        let network = network()
        let gain = parameter([2], seed: 3)
        let optimizer = optimizer(network.parameters + [NamedParameter("gain", gain)]) {
            $0.layers.unknown = .firstOrder
            $0.inverses = .together(every: 1)
            // None at first, then so much that no step can be taken.
            $0.firstOrderRule = .sgd(.init(learningRate: .linear(from: 0, to: 1e308, steps: 2)))
        }
        func step(_ number: UInt64) throws -> StepReport {
            let x = randomTensor([12, 3], seed: number, dtype: .float64)
            return try optimizer.step { Loss(Normal(mean: network(x) * gain), targets: targets) }
        }
        func means() throws -> [Tensor] {
            try optimizer.curvature.blocks.map { block in
                let id = ObjectIdentifier(block)
                let basis = try #require(optimizer.preconditioner.inverses[id]?.matrix as? any EigenbasisOperator)
                return basis.vectors(at: try #require(optimizer.preconditioner.moments[id]).mean)
            }
        }
        #expect(try !step(1).isRejected)
        let (before, parameters) = (try means(), network.parameters.map { $0.tensor.detached().copy() })
        let report = try step(2)
        #expect(report.isRejected && report.refreshedInverses == 2)
        for (now, before) in zip(try means(), before) { expectClose(now, before, relative: 1e-12, absolute: 1e-14) }
        for (now, before) in zip(network.parameters, parameters) { #expect((now.tensor .== before).all()) }
    }

    /// Without guards, a failure is an error.
    @Test func failedBasesAreErrorsWithoutGuards() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(
            rule: .eigenbasisMoments(), inverses: .together(every: 1, initially: 0), guards: .off)
        try optimizer.step { network.loss(network.batch(8, seed: 1)) }
        let block = try #require(optimizer.curvature.blocks[0] as? KroneckerBlock)
        let matrix = try #require(block.input as? InverseProvidingFactor).covariance
        withoutGradients { matrix.fill(.nan) }
        #expect(throws: OptimizerError.self) { try optimizer.step { network.loss(network.batch(8, seed: 2)) } }
    }

    @Test func choicesWithoutEffectAreDefects() {
        for configuration in [
            KFACOptimizer.Configuration(
                rule: .eigenbasisMoments(), damping: .adaptive(LevenbergMarquardt(initial: 1))),
            .init(rule: .eigenbasisMoments(), preconditionerDamping: .adaptive()),
            .init(rule: .eigenbasisMoments(), inverses: .whenStale(beyond: 0.2, atMost: 10)),
            .init(rule: .eigenbasisMoments(.init(beta2: 1))), .init(rule: .eigenbasisMoments(.init(epsilon: -1))),
        ] { #expect(configuration.defect != nil) }
        #expect(KFACOptimizer.Configuration(rule: .eigenbasisMoments()).defect == nil)
    }
}
