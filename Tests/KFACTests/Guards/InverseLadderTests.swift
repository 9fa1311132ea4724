import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// An inverse that fails is replaced by the best that can be had, and is regular again at the next update.
@Suite struct InverseLadderTests {
    /// Rungs by number, for faults.
    private static let rungs: [InverseRung?] = [
        nil, .moreDamping(factor: 10), .moreDamping(factor: 100), .moreDamping(factor: 1000), .doublePrecision,
        .diagonal,
        .lastGood, .identity,
    ]

    private static let firstAttempt: InverseLadder.Fault = { _, rung in rung == nil }

    /// Fails all attempts up to a rung; of those that are left, the first that this block has is expected.
    private static func expected(_ failing: Int, _ kind: GuardCase, _ dtype: DType, hasLast: Bool) -> InverseRung {
        let isSeries = kind == .timeSeries || kind == .longSeries
        let left = rungs[failing...].compactMap { $0 }.filter { rung in
            switch rung {
            case .doublePrecision: dtype == .float32 && !isSeries
            case .lastGood: hasLast
            default: true
            }
        }
        return left[0]
    }

    @Test(arguments: GuardCase.allCases, Array(1..<8)) func eachRung(kind: GuardCase, failing: Int) throws {
        // Whether there is an inverse of before matters to the last rungs only.
        let isLast = failing >= 6
        let cases =
            [(DType.float32, failing % 2 == 0), (.float64, failing % 2 == 1)]
            + (isLast ? [(.float32, failing % 2 == 1), (.float64, failing % 2 == 0)] : [])
        for (dtype, hasLast) in cases {
            let network = kind.network(dtype)
            let optimizer = network.optimizer(inverses: .together(every: 2, initially: 0))
            let first = hasLast ? 2 : 0
            var statuses: [InverseRung?] = []
            for step in 0..<(first + 4) {
                let fault: InverseLadder.Fault = { layer, rung in
                    !layer.hasPrefix("output") && Self.rungs[0..<failing].contains { $0 == rung }
                }
                let report = try InverseLadder.$fault.withValue(step == first ? fault : nil) {
                    try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
                }
                #expect(network.isFinite && !report.isRejected)
                statuses.append(report.inverses[0].repair)
                #expect(report.inverses.dropFirst().allSatisfy { $0.repair == nil })
                let events = report.guards.filter { $0.kind == .inverseRepaired }
                if step == first {
                    let rung = Self.expected(failing, kind, dtype, hasLast: hasLast)
                    #expect(events == [.inverseRepaired(layer: optimizer.curvature.blocks[0].name, rung: rung)])
                    #expect(statuses[step] == rung)
                } else {
                    #expect(events.isEmpty)
                }
            }
            // One inverse period later it is regular.
            #expect(statuses[first + 1] == statuses[first] && statuses[first + 2] == nil)
        }
    }

    /// All schedules go by the same ladder.
    @Test(arguments: [
        InverseSchedule.together(every: 3), .roundRobin(every: 2), .background(every: 3, after: 2),
        .whenStale(beyond: 0.01, atMost: 3),
    ]) func schedules(schedule: InverseSchedule) throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(inverses: schedule)
        var repaired = 0
        for step in 0..<24 {
            let report = try InverseLadder.$fault.withValue((6..<12).contains(step) ? Self.firstAttempt : nil) {
                try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
            }
            #expect(network.isFinite && !report.isRejected)
            repaired += report.guards.count { $0.kind == .inverseRepaired }
            if step >= 17 { #expect(report.inverses.allSatisfy { $0.repair == nil }, "step \(step)") }
        }
        #expect(repaired >= 2)
    }

    /// The search for the preconditioner's damping goes by it, too.
    @Test func searches() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(
            rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: 1)),
            preconditionerDamping: .adaptive(GammaSearch(interval: 2)))
        for step in 0..<8 {
            let report = try InverseLadder.$fault.withValue(step == 4 ? Self.firstAttempt : nil) {
                try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
            }
            #expect(network.isFinite && !report.isRejected)
            #expect((report.guards.isEmpty) == (step != 4), "\(report.guards)")
            if step >= 6 { #expect(report.inverses.allSatisfy { $0.repair == nil }) }
        }
    }

    /// An average that is none, of whatever origin, is found out at the next update and begun anew.
    @Test(arguments: [Double.nan, .infinity, -1e3], [DType.float32, .float64])
    func averagesThatAreNone(value: Double, dtype: DType) throws {
        let network = GuardCase.linear.network(dtype)
        let optimizer = network.optimizer(inverses: .together(every: 2, initially: 0))
        var events: [[GuardEvent.Kind]] = []
        for step in 0..<6 {
            if step == 1 {
                let block = try #require(optimizer.curvature.blocks[0] as? KroneckerBlock)
                let matrix = try #require(block.input as? InverseProvidingFactor).covariance
                withoutGradients { matrix.diagonal().fill(value) }
            }
            let report = try optimizer.step { network.loss(network.batch(8, seed: UInt64(step))) }
            events.append(report.guards.map(\.kind))
            #expect(network.isFinite)
            if step >= 4 { #expect(report.inverses.allSatisfy { $0.repair == nil }) }
        }
        #expect(events == [[], [], [.inverseRepaired], [.statisticsRestarted], [], []])
    }

    /// The last rung is finite whatever the numbers are.
    @Test(arguments: [0, 1e-300, 1e-30, 1, 1e30], [DType.float32, .float64])
    func identitiesAreFinite(damping: Double, dtype: DType) throws {
        let network = GuardCase.linear.network(dtype)
        let optimizer = network.optimizer()
        try optimizer.step { network.loss(network.batch(8, seed: 1)) { $0 * 0 } }
        for block in optimizer.curvature.blocks {
            let ladder = InverseLadder(block: block, damping: damping, applications: 1)
            let identity = ladder.identity()
            #expect(identity.isFinite && identity.trace() > 0)
            #expect(identity.apply(Tensor.full([identity.dimension, 1], 1e18, dtype: dtype)).isFinite().all())
        }
    }

    /// Without guards, a failure is an error, as before.
    @Test func withoutGuards() throws {
        let network = GuardCase.linear.network()
        let optimizer = network.optimizer(damping: 0, guards: .off)
        #expect(throws: OptimizerError.self) {
            try optimizer.step { network.loss(network.batch(2, seed: 1)) { $0 * 0 } }
        }
    }

    /// The conversions and diagonals by which inverses are repaired are those of the dense matrices.
    @Test func operatorParts() throws {
        let (a, b) = (randomPositiveDefinite(3), randomPositiveDefinite(3, seed: 2))
        let grouped = GroupedOperator(blocks: Tensor.stack([a, b]))
        let unitwise = UnitwiseOperator(
            first: Tensor([2.0, 3.0]), mixed: Tensor([0.5, -0.5]), second: Tensor([1.0, 2.0]))
        let product = KroneckerOperator(DenseOperator(a), DenseOperator(b))
        let operators: [any SymmetricOperator] = [
            DenseOperator(a), DiagonalOperator(Tensor([1.0, 2.0])), grouped, unitwise, product,
            try product.damped(by: 1), GroupedKroneckerOperator(grouped, grouped),
            CholeskyInverseOperator(lower: try a.cholesky(), scale: 2),
            try EigenOperator(diagonalizing: DenseOperator(a)), RepeatedOperator(DenseOperator(a), count: 2),
        ]
        for matrix in operators {
            let single = matrix.converted(to: .float32)
            #expect(single.dense().dtype == .float32)
            expectClose(single.dense().to(.float64), matrix.dense(), relative: 1e-5, absolute: 1e-6)
            #expect(matrix.isFinite)
            let greatest = try matrix.dense().symmetricEigen().values.max().scalar
            #expect(matrix.eigenvalueBound() >= greatest * (1 - 1e-12))
        }
        for matrix in operators.prefix(4) + [operators[9]] {
            let diagonal = matrix.diagonalPart().dense()
            expectClose(diagonal, matrix.dense().diagonal().diagonalMatrix(), relative: 1e-12, absolute: 0)
        }
        #expect(
            !DenseOperator(a * .nan).isFinite && !KroneckerOperator(DenseOperator(a / 0), DenseOperator(b)).isFinite)
    }
}
