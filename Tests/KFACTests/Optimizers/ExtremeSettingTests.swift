import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Settings at the ends of their bounds: with guards, parameters stay finite, and nothing stops the program.
@Suite struct ExtremeSettingTests {
    private static let makers: [@Sendable (Double) -> KFACOptimizer.Configuration] =
        SettingBoundsTests.numbers
        + SettingBoundsTests.rules.map { rule in { .init(firstOrderRule: rule($0)) } }
        + [
            { .init(rule: .fixed(learningRate: .constant($0)), regularization: .init(weightDecay: 1e6)) },
            { .init(groups: [.init(["layers"], learningRateScale: $0)]) },
            {
                .init(
                    inverses: .whenStale(beyond: 0, atMost: 1), factors: .init(eigenThreshold: 0, eigenvalueFloor: $0))
            },
        ]

    private static let values = [1e300, 1e30, 1e6, 1e-300]

    /// Some steps of K-FAC, with and without a block for the first layer, and of the rule alone, in single precision.
    private static func train(_ configuration: KFACOptimizer.Configuration, _ what: String) {
        let makers: [([NamedParameter]) -> any Optimizer] = [
            { parameters in
                var configuration = configuration
                configuration.layers.firstOrder = ["layers.0"]
                configuration.guards.maximumRejections = 100
                return KFACOptimizer(parameters, configuration: configuration)
            }, { FirstOrderOptimizer($0, rule: configuration.firstOrderRule) },
        ]
        for make in makers {
            let network = TestNetwork([3, 4, 2], dtype: .float32) { $0.tanh() }
            let optimizer = make(network.parameters)
            for step in 0..<4 {
                let x = randomTensor([6, 3], seed: UInt64(step), dtype: .float32)
                do {
                    try optimizer.step(examples: 6) { range in
                        let z = network(x[range])
                        return Loss(Normal(mean: z), targets: Tensor.ones(z.shape))
                    }
                } catch { precondition(error is OptimizerError, "\(what): \(error)") }
            }
            for parameter in network.parameters {
                precondition(parameter.tensor.isFinite().all(), "\(what): \(parameter.name) is not finite")
            }
        }
    }

    @Test(arguments: values) func parametersStayFinite(value: Double) async {
        await #expect(processExitsWith: .success) { [value = value as Double] in
            for (index, make) in Self.makers.enumerated() where make(value).defect == nil {
                Self.train(make(value), "setting \(index) at \(value)")
            }
        }
    }

    /// A decay that overshoots zero at each step.
    @Test func growthByWeightDecayIsRejected() throws {
        let network = TestNetwork([3, 2])
        var configuration = KFACOptimizer.Configuration(
            rule: .fixed(learningRate: 1e6), regularization: .init(weightDecay: 1e6))
        configuration.guards.maximumRejections = 100
        let optimizer = KFACOptimizer(network.parameters, configuration: configuration)
        var rejected: [RejectionReason] = []
        for step in 0..<40 {
            let report = try optimizer.step {
                Loss(
                    Normal(mean: network(randomTensor([6, 3], seed: UInt64(step)))),
                    targets: Tensor.zeros([6, 2], dtype: .float64))
            }
            for case .stepRejected(let reason) in report.guards { rejected.append(reason) }
        }
        #expect(!rejected.isEmpty)
        #expect(network.parameters.allSatisfy { $0.tensor.isFinite().all() })
    }

    /// Without guards, what is not finite ends the run, or a bound makes the step short; it stops no program.
    @Test func ratesThatSinglePrecisionDoesNotHave() throws {
        let rate = Schedule.constant(1e300)
        let rules: [StepRule] = [
            .fixed(learningRate: rate), .momentumOfGradients(learningRate: rate),
            .quadraticModel(QuadraticModelRule(rescaling: rate)), .eigenbasisMoments(.init(learningRate: rate)),
            .grafted(.init(learningRate: rate)),
        ]
        let firstOrder: [FirstOrderRule] = [
            .sgd(.init(learningRate: rate)), .adam(.init(learningRate: rate)), .shampoo(.init(learningRate: rate)),
            .soap(.init(learningRate: rate)), .klShampoo(.init(learningRate: rate)),
            .klShampoo(.init(learningRate: rate, scaling: .meanSquares)), .muon(.init(learningRate: rate)),
        ]
        func parameters() -> [NamedParameter] {
            [NamedParameter("weight", randomTensor([2, 3], seed: 1, dtype: .float32).requiringGradient())]
        }
        var runs: [(parameters: [NamedParameter], optimizer: any Optimizer)] = []
        for rule in rules {
            let own = parameters()
            let configuration = KFACOptimizer.Configuration(rule: rule, clipping: .norm(1e300), guards: .off)
            runs.append((own, KFACOptimizer(own, configuration: configuration)))
        }
        for rule in firstOrder {
            let own = parameters()
            let optimizer = FirstOrderOptimizer(own, rule: rule)
            optimizer.guards = .off
            runs.append((own, optimizer))
        }
        for (parameters, optimizer) in runs {
            let weight = parameters[0].tensor
            do {
                for step in 0..<3 {
                    let x = randomTensor([6, 3], seed: UInt64(step), dtype: .float32)
                    try optimizer.step { Loss(Normal(mean: linear(x, weight: weight)), targets: Tensor.ones([6, 2])) }
                }
            } catch { #expect(error is OptimizerError, "\(error)") }
        }
    }

    @Test func decaysBeyondAllMeasureAreRefused() {
        let sentence = "the weight decay must be at least 0 and at most 1000000; 1e+300 was given"
        #expect(KFACOptimizer.Configuration(regularization: .init(weightDecay: 1e300)).defect == sentence)
        for method in Method.all(weightDecay: 1e300) {
            #expect(method.rule.defect?.hasSuffix(sentence) == true, "\(method.testDescription)")
        }
    }
}
