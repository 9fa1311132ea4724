import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Damping is never below what round-off demands, and never in secret the only thing that is left of the curvature.
@Suite struct DampingGuardTests {
    private static func steps(
        _ network: GuardNetwork, _ optimizer: KFACOptimizer, count: Int = 6, _ change: (Tensor) -> Tensor = { $0 }
    ) throws -> [GuardEvent] {
        var events: [GuardEvent] = []
        for step in 0..<count {
            events += try optimizer.step { network.loss(network.batch(8, seed: UInt64(step)), change) }.guards
            #expect(network.isFinite)
        }
        return events
    }

    /// Rank-one and constant batches, and batches of one, with no damping: inverted with what rounding demands.
    @Test(arguments: GuardCase.allCases, [DType.float32, .float64]) func withoutDamping(kind: GuardCase, dtype: DType)
        throws
    {
        for batchSize in [1, 8] {
            let network = kind.network(dtype)
            let optimizer = network.optimizer(inverses: .together(every: 2), damping: 0)
            var events: [GuardEvent] = []
            for step in 0..<6 {
                let (inputs, labels) = network.batch(batchSize, seed: 1)
                let row = inputs[0..<1].broadcast(to: inputs.shape).copy()
                events += try optimizer.step { network.loss((step % 2 == 0 ? row : inputs, labels)) }.guards
                #expect(network.isFinite)
            }
            // Diagonals need no damping for the rounding, but some for their zeros: the ladder sees to that.
            #expect(events.contains { $0.kind == .dampingRaised || $0.kind == .inverseRepaired }, "\(events)")
            // Lasting conditions are told once.
            let lasting = events.filter { $0.kind == .dampingRaised }.map(\.layer)
            #expect(Set(lasting).count == lasting.count)
        }
    }

    /// The floor is in proportion to the precision and to the curvature, and near what Cholesky's method needs.
    @Test func floors() throws {
        func least(_ dtype: DType, scale: Double, isTight: Bool = false) throws -> Double {
            let network = GuardCase.linear.network(dtype)
            let optimizer = network.optimizer(estimation: .empirical)
            try optimizer.step { network.loss(network.batch(64, seed: 1)) { $0 * scale } }
            let block = try #require(optimizer.curvature.blocks[0] as? KroneckerBlock)
            return block.examination(damping: 1, isTight: isTight).leastDamping
        }
        let (single, double) = (try least(.float32, scale: 1), try least(.float64, scale: 1))
        // Random numbers of one precision are others than those of the other.
        #expect((0x1p56...0x1p60).contains(single / double))
        #expect(try least(.float64, scale: 1, isTight: true) <= double)
        // 8 ε tr A / π with π² = mean A / mean G, squared, is (8 ε 7)² mean A mean G, for 7 inputs and 4 outputs.
        #expect(double > 0 && double < (0x1p-49 * 7) * (0x1p-49 * 7))
    }

    /// Below the floor the event is told once, and again only after it has ceased.
    @Test func lastingConditionsAreToldOnce() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(inverses: .together(every: 1))
        func kinds(_ damping: Double) throws -> [GuardEvent.Kind] {
            optimizer.configuration.damping = .constant(damping)
            return try Self.steps(network, optimizer, count: 1).map(\.kind)
        }
        #expect(try kinds(0.1) == [])
        #expect(try kinds(1e-300) == [.dampingRaised, .dampingRaised])
        #expect(try kinds(1e-300) == [])
        #expect(try kinds(0.1) == [])
        #expect(try kinds(1e-300) == [.dampingRaised, .dampingRaised])
        #expect(
            GuardEvent.dampingRaised(layer: "a", from: 0, to: 1e-9).description
                == "the damping of a is raised from 0.0 to 1e-09, the least that rounding allows")
    }

    /// Where the damping exceeds all curvature, the direction is that of the gradient, and this is told.
    @Test(arguments: GuardCase.allCases) func gradientDescent(kind: GuardCase) throws {
        for (damping, expected) in [(1e8, true), (0.1, false)] {
            let network = kind.network()
            let optimizer = network.optimizer(inverses: .together(every: 2), damping: .constant(damping))
            let events = try Self.steps(network, optimizer).filter { $0.kind == .gradientDescent }
            let names = optimizer.curvature.blocks.map(\.name)
            #expect(events == (expected ? names.map { .gradientDescent(layer: $0) } : []), "\(events)")
            guard expected else { continue }
            for block in optimizer.curvature.blocks {
                let inverse = try block.inverseCurvature(damping: damping)
                let vector = randomTensor([inverse.dimension, 1], seed: 3)
                expectClose(inverse.apply(vector) * damping, vector, relative: 0.02, absolute: 1e-3)
            }
        }
    }

    /// The tight bound recognises what the trace, as many times too great as there are dimensions, does not.
    @Test func tightBounds() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer()
        try optimizer.step { network.loss(network.batch(8, seed: 1)) }
        for block in optimizer.curvature.blocks {
            let own = try #require(block as? KroneckerBlock)
            let quick = own.examination(damping: 1, isTight: false)
            let tight = own.examination(damping: 1, isTight: true)
            let damped = try own.curvature(damping: 1).dense().symmetricEigen().values
            let anisotropy = damped.max().scalar / damped.min().scalar - 1
            #expect(anisotropy <= tight.anisotropy * (1 + 1e-9))
            #expect(tight.anisotropy <= quick.anisotropy * (1 + 1e-9))
            #expect(tight.meanAnisotropy <= quick.anisotropy * (1 + 1e-9))
        }
    }
}
