import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What is called inside of `withMixedPrecision`: the model runs in bfloat16, and nothing else does.
@Suite("Callers in mixed precision") struct MixedPrecisionCallerTests {
    typealias Network = MixedPrecisionTests.Network

    static let methods: [(String, @Sendable ([NamedParameter]) -> any Optimizer)] =
        [
            ("fixed", .init()), ("gradient momentum", .init(rule: .momentumOfGradients())),
            (
                "quadratic model",
                .init(rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: 1, interval: 2)))
            ),
            ("eigenbasis moments", .init(rule: .eigenbasisMoments(), inverses: .together(every: 2))),
            ("grafted", .init(rule: .grafted(), preconditionerDamping: .relative(0.1))),
        ].map { (name: String, configuration: KFACOptimizer.Configuration) in
            (name, { KFACOptimizer($0, configuration: configuration) })
        }
        + [
            ("SGD", .sgd(.init())), ("Adam", .adam(.init())), ("Shampoo", .shampoo(.init(period: 1, start: 1))),
            ("SOAP", .soap(.init(period: 1))), ("KL-Shampoo", .klShampoo(.init(period: 1))),
            ("KL-SOAP", .klShampoo(.init(scaling: .meanSquares, period: 1))), ("Muon", .muon(.init())),
        ].map { (name: String, rule: FirstOrderRule) in (name, { FirstOrderOptimizer($0, rule: rule) }) }

    /// Around the step or inside of its closure: the same bits.
    @Test(arguments: methods.indices) func stepsAreThoseOfAMixedModel(method: Int) throws {
        func train(_ isAround: Bool) throws -> (losses: [Double], parameters: [Tensor]) {
            let (parameters, loss) = Network.perceptron.setting(.float32, mixes: !isAround)
            // The network's own setting would end the caller's mode.
            let (plain, logits) = Network.perceptron.make(.float32)
            let labels = Tensor((0..<12).map { $0 % 3 })
            let optimizer = Self.methods[method].1(isAround ? plain : parameters)
            let losses = try (0..<5).map { _ in
                try isAround
                    ? withMixedPrecision {
                        try optimizer.step { Loss(Categorical(logits: logits()), targets: labels) }.loss
                    } : optimizer.step(loss).loss
            }
            return (losses, (isAround ? plain : parameters).map(\.tensor))
        }
        let (around, inside) = (try train(true), try train(false))
        #expect(around.losses == inside.losses)
        for (one, other) in zip(around.parameters, inside.parameters) {
            #expect(one.array(of: Float.self) == other.array(of: Float.self))
        }
    }

    @Test func curvatureIsInFullPrecision() throws {
        let (parameters, loss) = Network.perceptron.setting(.float32, mixes: true)
        let gradients = parameters.map { Tensor.ones($0.tensor.shape) }
        func results(_ mixes: Bool) throws -> [[Float]] {
            let curvature = ModelCurvature(of: parameters)
            let preconditioner = KFACPreconditioner(parameters)
            return try withMixedPrecision(mixes) {
                try curvature.update(loss)
                let update = try preconditioner.update(loss)
                let (inverse, matrix) = (try curvature.inverse(damping: 0.01), try curvature.matrix(damping: 0.01))
                let (batch, uses) = recordingLayerUses(loss)
                let products = CurvatureProducts(batch, parameters: parameters.map(\.tensor), layerUses: uses)
                let tensors =
                    inverse.apply(to: gradients) + preconditioner.precondition(update.gradients!).map { $0! }
                    + products.product(of: .fisher, with: gradients)
                let numbers = [
                    matrix.quadraticForm(gradients), matrix.trace(), try matrix.logDeterminant(),
                    products.quadraticForm(of: .fisher, with: [gradients]).scalar,
                ]
                #expect(tensors.allSatisfy { $0.dtype == .float32 })
                return tensors.map { $0.array(of: Float.self) } + [numbers.map { Float($0) }]
            }
        }
        #expect(try results(true) == results(false))
    }
}
