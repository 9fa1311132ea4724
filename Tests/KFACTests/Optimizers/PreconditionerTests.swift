import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// K-FAC as a part of other methods.
@Suite struct PreconditionerTests {
    /// A network, batches, and what draws targets.
    struct Setting {
        let network = TestNetwork([4, 6, 3], seed: 40) { $0.tanh() }

        var parameters: [NamedParameter] { network.parameters }

        func loss(_ step: Int) -> Loss {
            let x = randomTensor([16, 4], seed: 50 + UInt64(step))
            return Loss(Categorical(logits: network(x)), targets: x[.all, 0..<3].argmax())
        }
    }

    @Test(arguments: [0.0, 0.9], [Estimation.sampled(), .exact, .empirical])
    func sgdWithPreconditionedGradientsIsTheOptimizer(_ momentum: Double, _ estimation: Estimation) throws {
        let (own, reference) = (Setting(), Setting())
        let optimizer = KFACOptimizer(
            reference.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.05, momentum: .constant(momentum)), damping: 0.2, estimation: estimation,
                statisticsPeriod: 2, inverses: .together(every: 3), clipping: .none))
        let curvature = KFACPreconditioner(
            own.parameters,
            configuration: .init(
                damping: 0.2, estimation: estimation, statisticsPeriod: 2, inverses: .together(every: 3)))
        let sgd = SGD(curvature.parameters, configuration: .init(learningRate: 0.05, momentum: momentum))
        for step in 0..<12 {
            let expected = try optimizer.step { reference.loss(step) }
            let update = try curvature.update { own.loss(step) }
            let report = try sgd.step(
                gradients: curvature.precondition(update.gradients!), loss: update.report.loss)
            #expect(report.step == step && curvature.updateCount == step + 1)
            expectClose(report.lossTensor, expected.lossTensor, relative: 1e-12)
            #expect(update.report.inverses.map(\.age) == expected.inverses.map(\.age))
            for (a, b) in zip(own.parameters, reference.parameters) {
                expectClose(a.tensor.detached(), b.tensor.detached(), relative: 1e-12, absolute: 1e-14)
            }
        }
    }

    /// Gradients are the loss's, in the parameters' order, and preconditioning is the damped inverse times them.
    @Test func gradientsAndTheirPreconditioning() throws {
        let setting = Setting()
        // Scaled, so that parameters of no block show.
        var layers = LayerChoices()
        layers.firstOrder = ["layers.0.bias"]
        layers.excluded = ["layers.1.bias"]
        let curvature = KFACPreconditioner(
            setting.parameters,
            configuration: .init(damping: 0.3, estimation: .exact, inverses: .together(every: 1), layers: layers))
        #expect(curvature.parameters.map(\.name) == ["layers.0.weight", "layers.0.bias", "layers.1.weight"])
        let before = setting.parameters.map { $0.tensor.detached().copy() }
        let update = try curvature.update { setting.loss(0) }
        for (parameter, copy) in zip(setting.parameters, before) {
            expectClose(parameter.tensor.detached(), copy, absolute: 0)
        }
        let expected = gradients(of: setting.loss(0).mean, withRespectTo: curvature.parameters.map(\.tensor))
        for (own, other) in zip(update.gradients!, expected) { expectClose(own!, other, relative: 1e-12) }

        let vectors = curvature.parameters.map { randomTensor($0.tensor.shape, seed: 45) }
        let results = curvature.precondition(vectors)
        expectClose(results[1], vectors[1], absolute: 0)
        // Linear and positive.
        for (twice, once) in zip(curvature.precondition(vectors.map { $0 * 2 }), results) {
            expectClose(twice, once * 2, relative: 1e-12)
        }
        #expect(vectors[0].dot(results[0]).scalar > 0 && vectors[2].dot(results[2]).scalar > 0)
        expectClose(vectors[0], randomTensor(vectors[0].shape, seed: 45), absolute: 0)
    }

    enum Rule: CaseIterable, Sendable {
        case sgd, adam, soap

        func make(_ parameters: [NamedParameter]) -> FirstOrderOptimizer {
            switch self {
            case .sgd: SGD(parameters, configuration: .init(learningRate: 0.05))
            case .adam: Adam(parameters, configuration: .init(learningRate: 0.02))
            case .soap: SOAP(parameters, configuration: .init(learningRate: 0.02))
            }
        }
    }

    @Test(arguments: Rule.allCases) func otherMethodsTrainWithIt(_ rule: Rule) throws {
        let setting = Setting()
        let curvature = KFACPreconditioner(setting.parameters)
        let method = rule.make(curvature.parameters)
        var losses: [Double] = []
        for step in 0..<60 {
            let update = try curvature.update { setting.loss(step) }
            try method.step(gradients: curvature.precondition(update.gradients!))
            losses.append(update.report.loss)
        }
        #expect(losses[50...].reduce(0, +) < losses[..<10].reduce(0, +) / 2)
    }

    /// Parameters that a batch does not use have no gradient, and the method that takes the steps leaves them alone.
    @Test func unusedParametersHaveNoGradient() throws {
        let (setting, unused) = (Setting(), TestLayer([2, 3], seed: 41))
        let curvature = KFACPreconditioner(setting.parameters + unused.named("unused"))
        let adam = Adam(curvature.parameters, configuration: .init(weightDecay: 0.1))
        func step(_ loss: () -> Loss) throws {
            let gradients = try curvature.update(loss).gradients!
            try adam.step(gradients: curvature.precondition(gradients))
        }
        func bits(_ parameters: [NamedParameter]) -> [[UInt64]] {
            parameters.map { $0.tensor.array(of: Double.self).map(\.bitPattern) }
        }
        let x = randomTensor([4, 3], seed: 42)
        try step { Loss(Normal(mean: unused(x)), targets: Tensor.zeros([4, 2], dtype: .float64)) }
        let before = bits(unused.named("unused"))
        let gradients = try curvature.update { setting.loss(0) }.gradients!
        #expect(gradients.map { $0 == nil } == [false, false, false, false, true, true])
        try step { setting.loss(1) }
        #expect(bits(unused.named("unused")) == before)
    }

    /// A layer that the last batch did not use keeps its inverse, and has no gradient.
    @Test func layersThatTheLastBatchDidNotUse() throws {
        let (used, other) = (TestLayer([3, 4], seed: 47), TestLayer([3, 4], seed: 48))
        let x = randomTensor([16, 4], seed: 49)
        func loss(_ layer: TestLayer) -> Loss {
            Loss(Categorical(logits: layer(x)), targets: x[.all, 0..<3].argmax())
        }
        let curvature = KFACPreconditioner(
            used.named("used") + other.named("other"),
            configuration: .init(damping: 0.3, estimation: .exact, inverses: .together(every: 1)))
        try curvature.update { loss(used) + loss(other) }
        let vectors = curvature.parameters.map { randomTensor($0.tensor.shape, seed: 46) }
        let before = curvature.precondition(vectors)
        #expect((before[2] - vectors[2]).norm().scalar > 0.1)
        let update = try curvature.update { loss(used) }
        let after = curvature.precondition(vectors)
        for index in 2...3 {
            expectClose(after[index], before[index], absolute: 0)
            #expect(update.gradients![index] == nil)
        }
    }

    @Test func stateGoesOn() throws {
        func run(restoringAt restored: Int?) throws -> [[UInt64]] {
            let setting = Setting()
            func make() -> (KFACPreconditioner, SGD) {
                let curvature = KFACPreconditioner(setting.parameters, configuration: .init(statisticsPeriod: 2))
                return (curvature, SGD(curvature.parameters))
            }
            var (curvature, sgd) = make()
            for step in 0..<14 {
                if step == restored {
                    let other = make()
                    try other.0.load(curvature.state())
                    try other.1.load(sgd.state())
                    (curvature, sgd) = other
                }
                let update = try curvature.update { setting.loss(step) }
                try sgd.step(gradients: curvature.precondition(update.gradients!))
            }
            return setting.parameters.map { $0.tensor.array(of: Double.self).map(\.bitPattern) }
        }
        #expect(try run(restoringAt: 7) == run(restoringAt: nil))
    }

    @Test func rejectedBatchesHaveNoGradients() throws {
        let setting = Setting()
        let curvature = KFACPreconditioner(setting.parameters)
        let vectors = setting.parameters.map { randomTensor($0.tensor.shape, seed: 46) }
        // Nothing is known yet.
        for (own, other) in zip(curvature.precondition(vectors), vectors) { expectClose(own, other, absolute: 0) }
        let update = try curvature.update { setting.loss(0).adding(objective: Tensor(Double.nan)) }
        #expect(update.gradients == nil)
        #expect(update.report.isRejected && update.report.guards == [.stepRejected(reason: .lossNotFinite)])
        for (own, other) in zip(curvature.precondition(vectors), vectors) { expectClose(own, other, absolute: 0) }
        #expect(try curvature.update { setting.loss(1) }.gradients != nil)
        let error = #expect(throws: OptimizerError.self) {
            try curvature.update {
                Loss(Categorical(logits: Tensor.zeros([1, 3])), targets: Tensor([3]))
            }
        }
        #expect(error?.description.contains("the label 3 of example 0 is not one of the 3 classes") == true)
        #expect(curvature.updateCount == 2)
    }

    @Test func gradientsThatDoNotFit() async {
        await #expect(processExitsWith: .success) {
            expectTrap("KFACPreconditioner.precondition: gradients of shapes [[2]] for parameters of") {
                let setting = Setting()
                _ = KFACPreconditioner(setting.parameters).precondition([Tensor.zeros([2])])
            }
            expectTrap("FirstOrderOptimizer.step(gradients:): gradients of shapes [] for parameters of") {
                _ = try SGD(Setting().parameters).step(gradients: [])
            }
        }
    }
}
