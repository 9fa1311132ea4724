import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// What cannot be done says why, and leaves the parameters and the optimiser as they were.
@Suite struct OptimizerErrorTests {
    private static func bits(_ parameters: [NamedParameter]) -> [[UInt64]] {
        parameters.map { $0.tensor.array(of: Double.self).map(\.bitPattern) }
    }

    private static let x = randomTensor([4, 3], seed: 2)

    private static func loss(_ mean: Tensor, target: Double = 0.5) -> Loss {
        Loss(Normal(mean: mean), targets: Tensor.full(mean.shape, target, dtype: .float64))
    }

    /// Expects an error whose description has the given words, and parameters that have not moved.
    private static func expectFailure<Failure: Error & CustomStringConvertible>(
        of type: Failure.Type = OptimizerError.self,
        _ parameters: [NamedParameter], _ words: String..., sourceLocation: SourceLocation = #_sourceLocation,
        _ loss: () throws -> Loss
    ) throws -> Failure? {
        let before = bits(parameters)
        // With guards, a single loss that is not finite is no error: see `StepGuardTests`.
        let optimizer = KFACOptimizer(parameters, configuration: .init(guards: .off))
        let error = #expect(throws: type, sourceLocation: sourceLocation) { try optimizer.step(loss) }
        for word in words { #expect(error?.description.contains(word) == true, sourceLocation: sourceLocation) }
        #expect(bits(parameters) == before, sourceLocation: sourceLocation)
        #expect(optimizer.stepCount == 0, sourceLocation: sourceLocation)
        return error
    }

    @Test func noParameterIsUsed() throws {
        let other = TestLayer([2, 3], seed: 2)
        let error = try Self.expectFailure(of: CurvatureError.self, other.named("other"), "other.weight", "other.bias")
        {
            _ = other(Self.x)
            return Self.loss(Self.x[.all, ..<2])
        }
        guard case .unreachedParameters(["other.weight", "other.bias"]) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test(arguments: [-Double.infinity, .infinity]) func lossThatIsNotFinite(target: Double) throws {
        let layer = TestLayer([2, 3], seed: 1)
        let error = try Self.expectFailure(layer.named("layer"), "not finite", "step 0") {
            Self.loss(layer(Self.x), target: target)
        }
        guard case .lossNotFinite(step: 0) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    /// Steps that failed leave no trace: neither in averages, nor in velocities, nor in the generator.
    @Test func failuresLeaveNoTrace() throws {
        struct Stop: Error {}
        func run(failing: Bool) throws -> [[UInt64]] {
            let network = TestNetwork([3, 4, 2]) { $0.tanh() }
            let optimizer = KFACOptimizer(
                network.parameters, configuration: .init(inverses: .together(every: 1), guards: .off))
            for step in 0..<4 {
                let x = randomTensor([4, 3], seed: UInt64(step))
                if failing {
                    #expect(throws: OptimizerError.self) {
                        try optimizer.step { Self.loss(network(x), target: .infinity) }
                    }
                    #expect(throws: Stop.self) { try optimizer.step { throw Stop() } }
                }
                try optimizer.step { Self.loss(network(x)) }
            }
            return Self.bits(network.parameters)
        }
        #expect(try run(failing: true) == run(failing: false))
    }

    /// A use of a weight that the loss does not see has no curvature; the other uses do.
    @Test func useThatTheLossDoesNotDependOn() throws {
        func run(alsoElsewhere: Bool) throws -> [[UInt64]] {
            let layer = TestLayer([2, 3], seed: 1)
            let optimizer = KFACOptimizer(layer.named("layer"))
            for _ in 0..<3 {
                try optimizer.step {
                    if alsoElsewhere { _ = layer(Self.x * 5) }
                    return Self.loss(layer(Self.x))
                }
            }
            return Self.bits(layer.named("layer"))
        }
        #expect(try run(alsoElsewhere: true) == run(alsoElsewhere: false))
    }

    @Test func firstOrderMethodsNameWhatIsUnreached() {
        let layer = TestLayer([2, 3], seed: 1)
        let other = TestLayer([2, 3], hasBias: false, seed: 2)
        let parameters = other.named("other")
        for optimizer in [
            SGD(parameters), Adam(parameters), Shampoo(parameters), SOAP(parameters), KLShampoo(parameters),
            Muon(parameters),
        ] {
            let before = Self.bits(parameters)
            let error = #expect(throws: OptimizerError.self) { try optimizer.step { Self.loss(layer(Self.x)) } }
            #expect(error?.description.contains("other.weight") == true)
            #expect(Self.bits(parameters) == before)
            #expect(optimizer.stepCount == 0)
        }
    }
}
