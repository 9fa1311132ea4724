import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// When inverses are computed, how old they get, and that the newest due is what preconditions.
@Suite struct InverseScheduleTests {
    private let network = TestNetwork([3, 4, 3, 2], seed: 5) { $0.tanh() }

    private func loss(_ step: Int) -> Loss {
        let x = randomTensor([8, 3], seed: 60 + UInt64(step))
        return Loss(Normal(mean: network(x), variance: 0.5), targets: randomTensor([8, 2], seed: 90 + UInt64(step)))
    }

    private func optimizer(_ schedule: InverseSchedule, damping: Double = 0.1) -> KFACOptimizer {
        KFACOptimizer(
            network.parameters,
            // The parameters stay, so that optimisers with different schedules see the same.
            configuration: .init(
                rule: .fixed(learningRate: 0, momentum: 0), damping: .constant(damping), estimation: .exact,
                inverses: schedule, clipping: .none))
    }

    static let schedules: [(InverseSchedule, [[Int]])] = [
        (.together(every: 4), [[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]]),
        (.together(every: 3, initially: 0), [[0, 0, 0], [1, 1, 1], [2, 2, 2], [0, 0, 0], [1, 1, 1], [2, 2, 2]]),
        // Of three layers one at each step: j at step s where s − j is a multiple of three.
        (
            .roundRobin(every: 3, initially: 1),
            [[0, 0, 0], [1, 0, 1], [2, 1, 0], [0, 2, 1], [1, 0, 2], [2, 1, 0]]
        ),
        // The first step needs all of them in any case.
        (
            .roundRobin(every: 3, initially: 0),
            [[0, 0, 0], [1, 0, 1], [2, 1, 0], [0, 2, 1], [1, 0, 2], [2, 1, 0]]
        ),
        // Begun at steps 0 (done at once) and 3, used from 5 on.
        (
            .background(every: 3, after: 2, initially: 1),
            [[0, 0, 0], [1, 1, 1], [2, 2, 2], [3, 3, 3], [4, 4, 4], [2, 2, 2]]
        ),
        // The third and sixth step, and every five.
        (.growing(every: 5), [[0, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1], [2, 2, 2], [0, 0, 0]]),
        (.background(every: 1, after: 1, initially: 1), [[0, 0, 0]] + [[Int]](repeating: [1, 1, 1], count: 5)),
    ]

    /// The ages are as reckoned, and the directions are those of inverses of that age.
    @Test(arguments: schedules.indices) func agesAndDirections(index: Int) throws {
        let (schedule, ages) = Self.schedules[index]
        let fresh = optimizer(.together(every: 1))
        let other = optimizer(schedule)
        var preconditioners: [Preconditioner] = []
        for step in 0..<ages.count {
            try fresh.step { loss(step) }
            preconditioners.append(fresh.preconditioner)
            let report = try other.step { loss(step) }
            #expect(report.inverses.map(\.age) == ages[step], "step \(step)")
            #expect(report.inverses.map(\.layer) == ["layers.0", "layers.1", "layers.2"])
            let isNew = step == 0 ? [true, true, true] : zip(ages[step], ages[step - 1]).map { $0 <= $1 }
            #expect(report.inverses.map(\.isNew) == isNew, "step \(step)")
            #expect(report.refreshedInverses == isNew.count { $0 })

            let gradient = gradients(of: loss(step).mean, withRespectTo: network.parameters.map(\.tensor))
            for layer in 0..<3 {
                let of = step - ages[step][layer]
                let expected = withoutGradients { fresh.precondition(gradient, with: preconditioners[of]) }
                for parameter in [2 * layer, 2 * layer + 1] {
                    expectClose(other.velocities[parameter], expected[parameter], relative: 1e-10, absolute: 1e-13)
                }
            }
        }
    }

    /// Twice as many steps each time until they are the period; what was due while nothing was moved is due after it.
    @Test func growingSchedules() {
        let schedule = InverseSchedule.growing(every: 40)
        let due = (0..<130).filter { !schedule.due(atStep: $0, count: 3).isEmpty }
        #expect(due == [0, 2, 5, 11, 23, 40, 80, 120])
        for (step, next) in zip(due, due.dropFirst()) {
            #expect((step..<next).map { schedule.applications(atStep: $0) } == (1...(next - step)).reversed())
            #expect(schedule.due(atSteps: step + 1...next, count: 3) == [0, 1, 2])
            if next > step + 1 { #expect(schedule.due(atSteps: step + 1...next - 1, count: 3).isEmpty) }
        }
        #expect((0..<5).allSatisfy { InverseSchedule.growing(every: 1).due(atStep: $0, count: 1) == [0] })
        #expect(InverseSchedule.growing(every: 0).defect != nil)
    }

    /// Statistics that stand still make nothing stale; those that move do, by as much as the dense matrices say.
    @Test func staleInversesAreFound() throws {
        let still = optimizer(.whenStale(beyond: 1e-6, atMost: 4, initially: 1))
        var ages: [[Int]] = []
        for _ in 0..<6 { ages.append(try still.step { loss(0) }.inverses.map(\.age)) }
        #expect(ages == [0, 1, 2, 3, 0, 1].map { [$0, $0, $0] })

        let patient = optimizer(.whenStale(beyond: 1e9, atMost: 100, initially: 1))
        let eager = optimizer(.whenStale(beyond: 0, atMost: 100, initially: 1))
        try patient.step { loss(0) }
        try eager.step { loss(0) }
        for step in 1..<4 {
            let report = try patient.step { loss(step) }
            #expect(report.inverses.map(\.age) == [step, step, step])
            #expect(report.inverses.allSatisfy { ($0.staleness ?? 0) > 1e-3 })
            let refreshed = try eager.step { loss(step) }
            #expect(refreshed.inverses.allSatisfy { $0.age == 0 && $0.isNew && ($0.staleness ?? 0) > 1e-3 })
        }
    }

    /// The probe's mean square over vectors is that of the dense matrices.
    @Test func probesMeasureTheError() throws {
        let (a, b) = (randomPositiveDefinite(4), randomPositiveDefinite(3))
        let (c, d) = (randomPositiveDefinite(4, seed: 8), randomPositiveDefinite(3, seed: 9))
        let matrix = KroneckerOperator(DenseOperator(a), DenseOperator(b))
        let other = try KroneckerOperator(DenseOperator(c), DenseOperator(d)).inverse()
        let error = matrix.dense().matmul(other.dense()) - Tensor.identity(12, dtype: .float64)
        let expected = error.squared().sum().scalar / 12
        func meanSquare(_ matrix: any SymmetricOperator, _ other: any SymmetricOperator) -> Double {
            (0..<4000).map { pow(matrix.staleness(of: other, like: a, seed: UInt64($0)), 2) }.reduce(0, +) / 4000
        }
        #expect(abs(meanSquare(DenseOperator(matrix.dense()), DenseOperator(other.dense())) / expected - 1) < 0.1)
        #expect(abs(meanSquare(matrix, other) / expected - 1) < 0.1)
        #expect(matrix.staleness(of: try matrix.inverse(), like: a, seed: 3) < 1e-12)
        // In single precision, too, what is measured is no difference of lengths, which would end at 3e-4.
        let single = KroneckerOperator(DenseOperator(a.to(.float32)), DenseOperator(b.to(.float32)))
        #expect(single.staleness(of: try single.inverse(), like: single.left.dense(), seed: 3) < 3e-6)
    }

    /// What another thread computes does not depend on when: two runs agree to the bit.
    @Test func backgroundIsDeterministic() throws {
        func run() throws -> [[Float]] {
            let network = TestNetwork([6, 30, 20, 4], seed: 5, dtype: .float32) { $0.tanh() }
            let optimizer = KFACOptimizer(
                network.parameters, configuration: .init(inverses: .background(every: 3, after: 2)),
                generator: RandomGenerator(seed: 3))
            for step in 0..<12 {
                let x = randomTensor([16, 6], seed: UInt64(step), dtype: .float32)
                let targets = randomTensor([16, 4], seed: 40 + UInt64(step), dtype: .float32)
                try optimizer.step { Loss(Normal(mean: network(x)), targets: targets) }
            }
            return network.parameters.map { $0.tensor.detached().array(of: Float.self) }
        }
        #expect(try run() == run())
    }

    /// Without guards, a failure on another thread is told where the inverse would be used, with the step of its
    /// statistics.
    @Test func backgroundFailure() throws {
        let layer = TestLayer(weight: Tensor.full([2, 3], 1e-3, dtype: .float64), bias: nil)
        let optimizer = KFACOptimizer(
            layer.named("layer"),
            configuration: .init(
                damping: 0.1, estimation: .empirical, statisticsDecay: 0,
                inverses: .background(every: 2, after: 1, initially: 1), guards: .off))
        func step(_ x: Tensor) throws {
            try optimizer.step { Loss(Normal(mean: layer(x)), targets: Tensor.zeros([1, 2], dtype: .float64)) }
        }
        try step(Tensor.ones([1, 3], dtype: .float64))
        try step(Tensor.ones([1, 3], dtype: .float64))
        // The second moment of these inputs is infinite, the loss is not.
        try step(Tensor.full([1, 3], 1.5e154, dtype: .float64))
        let error = #expect(throws: OptimizerError.self) { try step(Tensor.ones([1, 3], dtype: .float64)) }
        #expect("\(try #require(error))".contains("the curvature of layer could not be inverted at step 2"))
    }

    @Test(arguments: [
        InverseSchedule.together(every: 0), .roundRobin(every: 0), .background(every: 3, after: 4),
        .background(every: 0), .background(every: 3, after: 0), .together(every: 2, initially: -1),
        .whenStale(beyond: -1, atMost: 5), .whenStale(beyond: .nan, atMost: 5), .whenStale(beyond: 1, atMost: 0),
    ])
    func defects(schedule: InverseSchedule) { #expect(schedule.defect != nil) }

    @Test(arguments: schedules.indices) func noDefects(index: Int) { #expect(Self.schedules[index].0.defect == nil) }
}

/// How blocks of two factors take their damping.
@Suite struct DampingSplitTests {
    private func block(
        _ split: DampingSplit, _ width: Int = 3
    ) throws -> (block: any CurvatureBlock, update: (UInt64) throws -> Void) {
        let layer = TestLayer([width, 4], seed: 1)
        var layers = LayerCollection(
            parameters: layer.named("layer"), settings: FactorSettings(dampingSplit: split))
        var generator = RandomGenerator(seed: 1)
        func batch(_ seed: UInt64) throws -> (any CurvatureBlock, BlockStatistics) {
            let x = randomTensor([6, 4], seed: seed)
            let (loss, uses) = recordingLayerUses {
                Loss(Categorical(logits: layer(x)), targets: Tensor([0, 1, 2, 1, 0, 2]))
            }
            return try layers.statistics(of: loss, uses: uses, estimation: .exact, decay: 0.5, using: &generator)[0]
        }
        let (block, statistics) = try batch(10)
        block.updateStatistics(statistics)
        let (_, next) = try batch(11)
        return (block, { _ in block.updateStatistics(next) })
    }

    private static let identity = Tensor.identity(15, dtype: .float64)

    @Test func exactIsTikhonov() throws {
        let block = try block(.exact).block
        let matrix = try block.denseMatrix() + Self.identity * 0.3
        expectClose(try block.curvature(damping: 0.3).dense(), matrix, relative: 1e-10, absolute: 1e-12)
        expectClose(
            try block.inverseCurvature(damping: 0.3).dense(), try matrix.inverse(), relative: 1e-10, absolute: 1e-12)
    }

    @Test(arguments: [DampingSplit.traceRatio, .even]) func factored(split: DampingSplit) throws {
        let block = try #require(try block(split).block as? KroneckerBlock)
        let (a, g) = (block.input.average.dense(), block.output.average.dense())
        let pi = split == .even ? 1 : (a.diagonal().mean().scalar / g.diagonal().mean().scalar).squareRoot()
        #expect(split == .even || abs(pi - 1) > 0.1)
        let root = 0.3.squareRoot()
        let expected = kroneckerProduct(
            g + Tensor.identity(3, dtype: .float64) * (root / pi), a + Tensor.identity(5, dtype: .float64) * (root * pi)
        )
        expectClose(try block.curvature(damping: 0.3).dense(), expected, relative: 1e-10, absolute: 1e-12)
    }

    /// An update that runs later is of the statistics at the time when it was made.
    @Test(arguments: [DampingSplit.traceRatio, .even, .exact]) func updatesAreSnapshots(split: DampingSplit) throws {
        let (block, move) = try block(split)
        let now = try block.inverseCurvature(damping: 0.3).dense()
        let update = try block.inverseUpdate(damping: 0.3)
        try move(11)
        expectClose(try update().dense(), now, relative: 1e-10, absolute: 1e-12)
        #expect((try block.inverseCurvature(damping: 0.3).dense() - now).abs().max().scalar > 1e-3)
    }

    /// A network trains with each of them, and each goes its own way.
    @Test func trainings() throws {
        let x = randomTensor([20, 3], seed: 6)
        let targets = randomTensor([20, 2], seed: 7)
        let ends = try [DampingSplit.traceRatio, .even, .exact].map { split in
            let network = TestNetwork([3, 8, 2], seed: 5) { $0.tanh() }
            let optimizer = KFACOptimizer(
                network.parameters,
                configuration: .init(
                    rule: .fixed(learningRate: 0.3), damping: 0.05, estimation: .exact,
                    factors: .init(dampingSplit: split)))
            var losses: [Double] = []
            for _ in 0..<20 {
                losses.append(
                    try optimizer.step { Loss(Normal(mean: network(x), variance: 0.5), targets: targets) }.loss)
            }
            #expect(losses[19] < losses[0] - 0.2)
            return losses[19]
        }
        #expect(Set(ends).count == 3)
    }

    /// Steps that use an inverse, counted from the schedule itself.
    @Test(arguments: [
        InverseSchedule.together(every: 4), .together(every: 3, initially: 0), .together(every: 1),
        .together(every: 7, initially: 5),
    ])
    func applicationsAreCounted(schedule: InverseSchedule) {
        for step in 0..<20 where !schedule.due(atStep: step, count: 1).isEmpty {
            let next = ((step + 1)...).first { !schedule.due(atStep: $0, count: 1).isEmpty }!
            #expect(schedule.applications(atStep: step) == next - step, "step \(step)")
        }
    }

    /// What is due at some of several steps is what is due at each.
    @Test(arguments: [
        InverseSchedule.together(every: 4), .together(every: 3, initially: 0), .roundRobin(every: 3),
        .roundRobin(every: 7, initially: 2), .background(every: 5, after: 2, initially: 4),
        .whenStale(beyond: 0.1, atMost: 4),
    ])
    func dueAtSeveralSteps(schedule: InverseSchedule) {
        for count in [0, 1, 2, 5] {
            for first in 0..<12 {
                for last in first..<25 {
                    let all = (first...last).flatMap { schedule.due(atStep: $0, count: count) }
                    #expect(schedule.due(atSteps: first...last, count: count) == Set(all), "\(first)...\(last)")
                }
            }
        }
    }

    /// An inverse for one application is that for many, in another form where one factor outweighs the other.
    @Test(arguments: [true, false]) func inversesForFewApplications(hasBias: Bool) throws {
        let layer = TestLayer([5, 30], hasBias: hasBias, seed: 11)
        let block = try #require(
            KroneckerBlock(
                weight: NamedParameter("w", layer.weight), bias: layer.bias.map { NamedParameter("b", $0) },
                operation: .linear))
        let use = recordingLayerUses { layer(randomTensor([50, 30], seed: 12)) }.uses
        block.updateStatistics(
            BlockStatistics(uses: use, gradients: [[randomTensor([50, 5], seed: 13)]], batchSize: 50, decay: 0.9))
        let once = try block.inverseCurvature(damping: 0.1, applications: 1)
        #expect((once as? KroneckerOperator)?.right is CholeskyInverseOperator)
        #expect((once as? KroneckerOperator)?.left is DenseOperator)
        let gradient = layer.parameters.map { randomTensor($0.shape, seed: 14) }
        let often = try block.inverseCurvature(damping: 0.1)
        for (a, b) in zip(block.apply(once, to: gradient), block.apply(often, to: gradient)) {
            expectClose(a, b, relative: 1e-10, absolute: 1e-11)
        }
    }
}
