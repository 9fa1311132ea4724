import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Data that cannot be used are an error of the step that names batch and place, and leave everything as it was.
@Suite struct InvalidBatchTests {
    /// What is wrong with the data.
    enum Case: CaseIterable, Sendable {
        case labelTooLarge, labelNegative, labelOfClassWeights, ignoredAndNegative, tokenOutOfVocabulary, batchOfOne
        case targetsOfAnotherShape, targetsOfAnotherType, probabilityAboveOne, probabilityNaN, targetNaN, softTargetNaN
        case emptyBatch, maskOfAnotherShape, maskOfAnotherType, weightsOfAnotherShape, weightNegative

        /// What the error says, and of which example.
        var expected: (words: String, example: Int?) {
            switch self {
            case .labelTooLarge: ("Categorical: the label 3 of example 1 is not one of the 3 classes", 1)
            case .labelNegative: ("Categorical: the label -1 of example 2 is not one of the 3 classes", 2)
            case .labelOfClassWeights: ("Categorical: the label 5 of example 3 is not one of the 3 classes", 3)
            case .ignoredAndNegative: ("Categorical: the label -1 of example 2 is not one of the 3 classes", 2)
            case .tokenOutOfVocabulary: ("embedding: the index 6 of example 0 is not one of the weight's 6 rows", 0)
            case .batchOfOne: ("batchNormalization: training needs at least two elements", nil)
            case .targetsOfAnotherShape: ("Normal: targets of shape [4] for means of shape [4, 3]", nil)
            case .targetsOfAnotherType: ("Categorical: targets float64[4] for logits of shape [4, 3]", nil)
            case .probabilityAboveOne: ("Bernoulli: the target 1.5 of example 3 is not a probability", 3)
            case .probabilityNaN: ("Bernoulli: the target nan of example 0 is not a probability", 0)
            case .targetNaN: ("Normal: the target nan of example 1 is not a number", 1)
            case .softTargetNaN: ("Categorical: the target nan of example 2 is not a probability from 0 to 1", 2)
            case .emptyBatch: ("Loss: the batch is empty", nil)
            case .maskOfAnotherShape: ("Loss: the mask bool[3] must be of type bool", nil)
            case .maskOfAnotherType: ("Loss: the mask float64[4] must be of type bool", nil)
            case .weightsOfAnotherShape: ("Loss: weights of shape [5] must have the first axes", nil)
            case .weightNegative: ("Loss: the weight -0.5 of example 1 must be finite and at least 0", 1)
            }
        }
    }

    /// Tokens into an embedding, a normalisation and a linear layer.
    final class Network {
        let embedding: Embedding
        let normalization = BatchNormalization(5, dtype: .float64)
        let last = TestLayer([3, 5], seed: 21)

        init() {
            var generator = RandomGenerator(seed: 20)
            embedding = Embedding(6, 5, dtype: .float64, using: &generator)
        }

        var parameters: [NamedParameter] {
            [
                NamedParameter("embedding", embedding.weight), NamedParameter("scale", normalization.weight),
                NamedParameter("shift", normalization.bias),
            ] + last.named("last")
        }

        func callAsFunction(_ tokens: Tensor) -> Tensor { last(normalization(embedding(tokens)).tanh()) }

        func loss(_ fault: Case?) -> Loss {
            let (tokens, labels) = (Tensor([0, 5, 2, 3]), Tensor([0, 1, 2, 1]))
            func numbers(_ place: Int, _ value: Double) -> Tensor {
                let numbers = Tensor.full([4, 3], 0.5, dtype: .float64)
                numbers[place, 1].fill(value)
                return numbers
            }
            switch fault {
            case .tokenOutOfVocabulary: return Loss(Categorical(logits: self(Tensor([6, 5, 2, 3]))), targets: labels)
            case .batchOfOne: return Loss(Categorical(logits: self(Tensor([1]))), targets: Tensor([1]))
            case .emptyBatch:
                let z = self(tokens)[0..<0]
                return Loss(Normal(mean: z), targets: Tensor.zeros([0, 3], dtype: .float64))
            default: break
            }
            let z = self(tokens)
            let classes = Categorical(logits: z)
            let mask = Tensor([true, true, false, true])
            switch fault {
            case .labelTooLarge: return Loss(classes, targets: Tensor([0, 3, 2, 1]))
            case .labelNegative: return Loss(classes, targets: Tensor([0, 1, -1, 1]))
            case .labelOfClassWeights:
                return Loss(classes, targets: Tensor([0, 1, 2, 5]), classWeights: Tensor([1.0, 2, 3]))
            case .ignoredAndNegative: return Loss(classes, targets: Tensor([0, -100, -1, 1]), ignoring: -100)
            case .targetsOfAnotherShape: return Loss(Normal(mean: z), targets: Tensor.zeros([4], dtype: .float64))
            case .targetsOfAnotherType: return Loss(classes, targets: Tensor.zeros([4], dtype: .float64))
            case .probabilityAboveOne: return Loss(Bernoulli(logits: z), targets: numbers(3, 1.5))
            case .probabilityNaN: return Loss(Bernoulli(logits: z), targets: numbers(0, .nan))
            case .targetNaN: return Loss(Normal(mean: z), targets: numbers(1, .nan))
            case .softTargetNaN: return Loss(classes, targets: numbers(2, .nan))
            case .maskOfAnotherShape: return Loss(classes, targets: labels, mask: mask[0..<3])
            case .maskOfAnotherType: return Loss(classes, targets: labels, mask: mask.to(.float64))
            case .weightsOfAnotherShape: return Loss(classes, targets: labels, weights: Tensor.ones([5]))
            case .weightNegative: return Loss(classes, targets: labels, weights: Tensor([1, -0.5, 1, 1] as [Double]))
            default: return Loss(classes, targets: labels)
            }
        }
    }

    enum Method: CaseIterable, Sendable {
        case kfac, quadraticModel, eigenbasisMoments, grafted, sgd, adam, shampoo, soap, klShampoo, muon

        func make(_ parameters: [NamedParameter]) -> any Optimizer {
            switch self {
            case .kfac: KFACOptimizer(parameters)
            case .quadraticModel:
                KFACOptimizer(
                    parameters,
                    configuration: .init(
                        rule: .quadraticModel(QuadraticModelRule(fraction: 0.5)), damping: .adaptive(.init(initial: 1)),
                        statisticsFraction: 0.5))
            case .grafted:
                KFACOptimizer(
                    parameters, configuration: .init(rule: .grafted(), preconditionerDamping: .relative(0.1)))
            case .eigenbasisMoments: KFACOptimizer(parameters, configuration: .init(rule: .eigenbasisMoments()))
            case .sgd: SGD(parameters)
            case .adam: Adam(parameters)
            case .shampoo: Shampoo(parameters)
            case .soap: SOAP(parameters)
            case .klShampoo: KLShampoo(parameters)
            case .muon: Muon(parameters)
            }
        }
    }

    @Test(arguments: Case.allCases, [Guards(), .off])
    func everyFaultIsNamed(_ fault: Case, _ guards: Guards) throws {
        for method in [Method.kfac, .sgd] {
            let network = Network()
            let optimizer = method.make(network.parameters)
            (optimizer as? KFACOptimizer)?.configuration.guards = guards
            (optimizer as? SGD)?.guards = guards
            try optimizer.step { network.loss(nil) }
            let before = bits(network, optimizer)
            let error = #expect(throws: OptimizerError.self) { try optimizer.step { network.loss(fault) } }
            guard case .invalidBatch(step: 1, part: nil, fault: let found) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect("\(found)".hasPrefix(fault.expected.words), "\(found)")
            #expect(found.example == fault.expected.example)
            #expect(error?.description.hasPrefix("the batch of step 1 cannot be used: \(found)") == true)
            #expect(bits(network, optimizer) == before)
            // What follows is as if the batch had not been there.
            let report = try optimizer.step { network.loss(nil) }
            #expect(report.step == 1 && report.loss.isFinite)
        }
    }

    /// Faults in the first step and later ones leave all methods as they were.
    @Test(arguments: Method.allCases) func everyMethodStaysAsItWas(_ method: Method) throws {
        let network = Network()
        let optimizer = method.make(network.parameters)
        for step in 0..<3 {
            let before = bits(network, optimizer)
            let error = #expect(throws: OptimizerError.self) { try optimizer.step { network.loss(.labelTooLarge) } }
            guard case .invalidBatch(step: step, part: nil, fault: _) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(bits(network, optimizer) == before)
            try optimizer.step { network.loss(nil) }
        }
    }

    /// A share of the batch can be good where the rest is not, and has drawn targets by then.
    @Test func theGeneratorStaysAsItWasAfterAGoodShare() throws {
        let layer = TestLayer([3, 2], seed: 4)
        let x = randomTensor([8, 2], seed: 5)
        func loss(_ labels: [Int], _ range: Range<Int>) -> Loss {
            Loss(Categorical(logits: layer(x[range])), targets: Tensor(labels)[range])
        }
        let optimizer = KFACOptimizer(layer.named("layer"), configuration: .init(statisticsFraction: 0.25))
        let good = [0, 1, 2, 0, 1, 2, 0, 1]
        try optimizer.step(examples: 8) { loss(good, $0) }
        let before = optimizer.state().tensors.mapValues { $0.to(.float64).array(of: Double.self).map(\.bitPattern) }
        let error = #expect(throws: OptimizerError.self) {
            try optimizer.step(examples: 8) { loss([0, 1, 2, 0, 1, 2, 0, 7], $0) }
        }
        guard case .invalidBatch(step: 1, part: _, fault: let fault) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(fault.example == 7)
        let after = optimizer.state().tensors.mapValues { $0.to(.float64).array(of: Double.self).map(\.bitPattern) }
        #expect(after == before)
    }

    @Test func thePartOfTheBatchIsNamed() {
        let network = Network()
        let optimizer = KFACOptimizer(network.parameters)
        let error = #expect(throws: OptimizerError.self) {
            try optimizer.step(parts: 3) { network.loss($0 == 1 ? .labelTooLarge : nil) }
        }
        #expect(error?.description.hasPrefix("the batch of step 0, in part 1, cannot be used: Categorical") == true)
    }

    /// A distribution of one's own says what its targets must be.
    @Test func distributionsOfOnesOwnAreAsked() {
        struct Positive: PredictiveDistribution {
            let base: Exponential

            var parameters: [Tensor] { base.parameters }
            var hasNaturalParameters: Bool { false }
            func negativeLogLikelihood(of targets: Tensor) -> Tensor { base.negativeLogLikelihood(of: targets) }
            func fault(in targets: Tensor) -> DataFault? {
                .outside(0 ... .infinity, in: targets, place: "Positive", "the time", "is negative")
            }
            func sample(using generator: inout RandomGenerator) -> Tensor { base.sample(using: &generator) }
            var fisherRank: Int { base.fisherRank }
            func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { base.fisherProduct(vectors) }
            func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { base.fisherFactorProduct(vector) }
            func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
                base.fisherFactorTransposedProduct(vectors)
            }
        }
        let layer = TestLayer([3, 2], seed: 4)
        let x = randomTensor([4, 2], seed: 5)
        let targets = Tensor.ones([4, 3], dtype: .float64)
        targets[2, 0].fill(-1)
        let error = #expect(throws: OptimizerError.self) {
            try SGD(layer.named("layer")).step {
                Loss(Positive(base: Exponential(logMean: layer(x))), targets: targets)
            }
        }
        #expect(error?.description.contains("Positive: the time -1.0 of example 2 is negative") == true)
    }

    /// Parts and shares that were good by themselves have moved running statistics by the time that the step fails.
    @Test func runningStatisticsStayAsTheyWere() throws {
        struct Stop: Error {}
        let network = Network()
        let optimizer = KFACOptimizer(network.parameters, configuration: .init(statisticsFraction: 0.5))
        func expectNoChange(_ step: () throws -> Void) {
            let before = bits(network, nil)
            #expect(throws: (any Error).self) { try step() }
            #expect(bits(network, nil) == before)
        }
        expectNoChange { try optimizer.step(parts: 3) { network.loss($0 == 2 ? .labelTooLarge : nil) } }
        expectNoChange {
            try optimizer.step(examples: 4) { network.loss($0.count < 4 ? nil : .labelTooLarge) }
        }
        expectNoChange {
            try optimizer.step {
                _ = network.loss(nil)
                throw Stop()
            }
        }
        // An inner check that finds nothing leaves it to the outer one.
        expectNoChange {
            try checkingData {
                _ = try checkingData { network.loss(nil) }
                _ = network.loss(.targetNaN)
            }
        }
        let before = bits(network, nil)
        try optimizer.step { network.loss(nil) }
        #expect(bits(network, nil)["mean"] != before["mean"] && bits(network, nil)["variance"] != before["variance"])
    }

    /// Everything that the steps to come depend on.
    private func bits(_ network: Network, _ optimizer: (any Optimizer)?) -> [String: [UInt64]] {
        var tensors = optimizer?.state().tensors ?? [:]
        tensors["mean"] = network.normalization.runningMean
        tensors["variance"] = network.normalization.runningVariance
        for parameter in network.parameters { tensors["parameters.\(parameter.name)"] = parameter.tensor.detached() }
        return tensors.mapValues { $0.to(.float64).array(of: Double.self).map(\.bitPattern) }
    }
}
