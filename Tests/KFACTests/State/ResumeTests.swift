import Foundation
import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A run that continues from a saved state ends in the same bits as one that was never interrupted.
@Suite struct ResumeTests {
    enum Method: CaseIterable {
        case sgd, nesterov, adam, shampoo, shampooSum, soap, soapNesterov, klShampoo, klSOAP, muon
        case kfac, momentumOfGradients, quadraticModel, gammaSearch, adaptiveDamping, exactDamping
        case background, roundRobin, whenStale, sparseStatistics, shareOfBatch, burnIn, firstOrder, empirical
        case wide, wideExact, wideBackground
        case eigenbasisMoments, eigenbasisInBackground, wideEigenbasis, grafted, corrected, correctedInBackground

        func callAsFunction(_ parameters: [NamedParameter]) -> any Optimizer {
            switch self {
            case .sgd: SGD(parameters, configuration: .init(learningRate: 0.05, weightDecay: 0.01))
            case .nesterov: SGD(parameters, configuration: .init(learningRate: 0.05, nesterov: true))
            case .adam: Adam(parameters, configuration: .init(learningRate: 0.01))
            case .shampoo: Shampoo(parameters, configuration: .init(period: 3, start: 2))
            case .shampooSum:
                Shampoo(parameters, configuration: .init(accumulation: .sum, period: 2, start: 0, grafting: .none))
            case .soap: SOAP(parameters, configuration: .init(period: 3))
            case .klShampoo: KLShampoo(parameters, configuration: .init(period: 3))
            case .klSOAP: KLShampoo(parameters, configuration: .init(scaling: .meanSquares, period: 3))
            case .soapNesterov: SOAP(parameters, configuration: .init(nesterov: true, period: 3))
            case .muon: Muon(parameters)
            default: KFACOptimizer(parameters, configuration: configuration, generator: RandomGenerator(seed: 3))
            }
        }

        private var configuration: KFACOptimizer.Configuration {
            var configuration = KFACOptimizer.Configuration(
                rule: .fixed(learningRate: .linear(from: 0.1, to: 0, steps: 20)), damping: 0.1,
                inverses: .together(every: 4))
            switch self {
            case .momentumOfGradients: configuration.rule = .momentumOfGradients(learningRate: 0.1, momentum: 0.9)
            case .quadraticModel, .gammaSearch, .adaptiveDamping:
                configuration.rule = .quadraticModel(QuadraticModelRule())
                if self == .gammaSearch { configuration.preconditionerDamping = .adaptive(GammaSearch(interval: 3)) }
                if self == .adaptiveDamping {
                    configuration.damping = .adaptive(LevenbergMarquardt(initial: 1, interval: 2))
                    configuration.regularization = Regularization(l2: 1e-3)
                }
            case .exactDamping: configuration.factors.dampingSplit = .exact
            case .background: configuration.inverses = .background(every: 4, after: 3, initially: 2)
            case .roundRobin: configuration.inverses = .roundRobin(every: 3)
            case .whenStale: configuration.inverses = .whenStale(beyond: 0.05, atMost: 5)
            case .sparseStatistics: configuration.statisticsPeriod = 3
            case .shareOfBatch: configuration.statisticsFraction = 0.5
            case .burnIn: configuration.burnIn = 3
            case .firstOrder:
                configuration.layers.unknown = .firstOrder
                configuration.layers.firstOrder = ["kernels.3"]
                configuration.firstOrderRule = .adam(Adam.Configuration(learningRate: 0.01))
            case .empirical: configuration.estimation = .empirical
            case .wide, .wideExact, .wideBackground:
                configuration.factors.dimensionLimit = 5
                configuration.factors.blockSize = 4
                if self == .wideExact { configuration.factors.dampingSplit = .exact }
                if self == .wideBackground { configuration.inverses = .background(every: 4, after: 3, initially: 2) }
            case .grafted:
                configuration.rule = .grafted()
                configuration.preconditionerDamping = .relative(0.1)
            case .corrected, .correctedInBackground:
                configuration.eigenvalues = .examples
                if self == .correctedInBackground {
                    configuration.inverses = .background(every: 4, after: 3, initially: 2)
                }
            case .eigenbasisMoments, .eigenbasisInBackground, .wideEigenbasis:
                configuration.rule = .eigenbasisMoments(.init(cautious: self == .eigenbasisMoments))
                configuration.inverses =
                    self == .eigenbasisInBackground ? .background(every: 4, after: 3, initially: 2) : .growing(every: 4)
                if self == .wideEigenbasis {
                    configuration.factors.dimensionLimit = 5
                    configuration.factors.blockSize = 4
                }
            default: break
            }
            return configuration
        }

        /// The networks that the method can take.
        var networks: [ResumeNetwork] {
            switch self {
            case .firstOrder: [.convolutions]
            default: ResumeNetwork.allCases
            }
        }
    }

    static let cases: [(Method, ResumeNetwork)] = Method.allCases.flatMap { method in
        method.networks.map { (method, $0) }
    }

    @Test(arguments: cases) func sameBits(method: Method, network: ResumeNetwork) throws {
        let steps = 9
        let whole = try runWithResumption(network, steps: steps, resumingBefore: nil) { method($0) }
        // Before the first step, while averages are young, with inverses in progress, with old ones.
        for resumption in network == .perceptron ? [0, 1, 3, 6, 8] : [1, 6] {
            let resumed = try runWithResumption(network, steps: steps, resumingBefore: resumption) { method($0) }
            #expect(resumed == whole, "resumed before step \(resumption)")
        }
    }

    /// Of a saved state any number of runs can go on: none of them writes into its tensors.
    @Test(arguments: [
        Method.nesterov, .adam, .shampoo, .shampooSum, .soap, .klShampoo, .klSOAP, .muon, .kfac, .background,
    ])
    func aStateStaysAsItIs(method: Method) throws {
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = method(subject.parameters)
        for step in 0..<4 { try optimizer.step { subject.loss(step) } }
        let state = optimizer.state()
        let before = state.tensors.mapValues { $0.copy() }
        let next = method(subject.parameters)
        try next.load(state)
        for step in 4..<8 { try next.step { subject.loss(step) } }
        for (name, tensor) in state.tensors { #expect((tensor .== before[name]!).all(), "\(name)") }
    }

    /// That the bits tell: with the model's state alone, a run ends elsewhere.
    @Test(arguments: [Method.nesterov, .adam, .shampoo, .soap, .klShampoo, .klSOAP, .muon, .kfac])
    func theStateMatters(method: Method) throws {
        let whole = try runWithResumption(.perceptron, steps: 6, resumingBefore: nil) { method($0) }
        let subject = ResumeNetwork.perceptron.make()
        // A new optimiser from the third step on.
        for steps in [0..<3, 3..<6] {
            let optimizer = method(subject.parameters)
            for step in steps { try optimizer.step(examples: ResumeSubject.batchSize) { subject.loss(step, $0) } }
        }
        #expect(subject.bits != whole)
    }

    @Test func aStateOfAnotherMethodIsRefused() throws {
        let subject = ResumeNetwork.perceptron.make()
        let adam = Adam(subject.parameters)
        let sgd = SGD(subject.parameters)
        try sgd.step { subject.loss(0) }
        let error = #expect(throws: SnapshotError.self) { try adam.load(sgd.state()) }
        #expect("\(error!)".contains("it lacks 'rule.parameters."))
        #expect("\(error!)".contains("nothing here is called 'rule.parameters."))
        #expect(adam.stepCount == 0)
    }

    @Test func aStateOfOtherShapesIsRefused() throws {
        let small = TestNetwork([3, 4, 2])
        let large = TestNetwork([3, 5, 2])
        let state = KFACOptimizer(small.parameters).state()
        let error = #expect(throws: SnapshotError.self) { try KFACOptimizer(large.parameters).load(state) }
        #expect("\(error!)".contains("'velocity.layers.0.weight' (expected float64[5, 3], found float64[4, 3])"))
    }

    /// Layers that are found by other names or approximations are noticed by the next step, which changes nothing.
    @Test func aStateOfOtherLayersIsRefused() throws {
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = KFACOptimizer(subject.parameters)
        try optimizer.step { subject.loss(0) }
        let other = KFACOptimizer(
            subject.parameters,
            configuration: .init(layers: LayerChoices(kinds: [.linear: .diagonal])))
        let error = #expect(throws: SnapshotError.self) { try other.load(optimizer.state()) }
        #expect(
            "\(error!)".contains("approximated by kronecker (input dense, output dense, expand), diagonal was expected")
        )
        #expect(other.stepCount == 0 && other.curvature.blocks.isEmpty)
    }

    /// A state that was loaded and not used yet can be saved again.
    @Test func aLoadedStateCanBeSaved() throws {
        let subject = ResumeNetwork.perceptron.make()
        let optimizer = KFACOptimizer(subject.parameters)
        try optimizer.step { subject.loss(0) }
        let state = optimizer.state()
        let other = KFACOptimizer(subject.parameters)
        try other.load(state)
        #expect(other.state().tensors.keys.sorted() == state.tensors.keys.sorted())
        #expect(other.stepCount == 1)
    }
}
