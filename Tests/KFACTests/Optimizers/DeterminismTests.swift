import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The same seed gives the same bits.
@Suite struct DeterminismTests {
    enum Method: CaseIterable {
        case kfac
        case sgd
        case adam

        func callAsFunction(_ parameters: [NamedParameter], seed: UInt64) -> any Optimizer {
            switch self {
            case .kfac:
                KFACOptimizer(
                    parameters,
                    configuration: .init(damping: 0.1, inverses: .together(every: 2), clipping: .norm(0.01)),
                    generator: RandomGenerator(seed: seed))
            case .sgd: SGD(parameters)
            case .adam: Adam(parameters)
            }
        }
    }

    private static func train(_ method: Method, modelSeed: UInt64, optimizerSeed: UInt64) throws -> [UInt32] {
        var generator = RandomGenerator(seed: modelSeed)
        let model = ConvNet(channels: [1, 4, 6], imageSize: 8, classes: 3, using: &generator)
        let optimizer = method(model.namedParameters, seed: optimizerSeed)
        var data = RandomGenerator(seed: 9)
        for _ in 0..<5 {
            let images = data.normal([16, 1, 8, 8])
            let labels = data.integers([16], in: 0..<3)
            try optimizer.step { Loss(Categorical(logits: model(images)), targets: labels) }
        }
        let bits = model.parameters.flatMap { $0.array(of: Float.self).map(\.bitPattern) }
        #expect(bits.allSatisfy { Float(bitPattern: $0).isFinite })
        return bits
    }

    @Test(arguments: Method.allCases) func sameSeedSameBits(method: Method) throws {
        let first = try Self.train(method, modelSeed: 1, optimizerSeed: 2)
        #expect(try Self.train(method, modelSeed: 1, optimizerSeed: 2) == first)
        #expect(try Self.train(method, modelSeed: 3, optimizerSeed: 2) != first)
    }

    @Test func targetsAreDrawnWithTheOptimisersGenerator() throws {
        #expect(
            try Self.train(.kfac, modelSeed: 1, optimizerSeed: 2) != Self.train(.kfac, modelSeed: 1, optimizerSeed: 3))
    }
}
