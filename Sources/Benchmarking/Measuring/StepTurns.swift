import FirstOrder
import KFAC
import Torch
import TorchNN

/// Training steps of K-FAC and SGD in turns: the same network from the same parameters, on the same examples.
struct StepTurns {
    /// The number of steps of a round: a whole cycle of fresh and old inverses.
    private let cycle: Int
    /// The first steps make the averages and fill the allocator's caches.
    private static let warmUp = 2

    private let work: Work
    private let kfac: () throws -> StepReport
    private let sgd: () throws -> StepReport

    init(_ network: BenchmarkNetwork, batchSize: Int, conditions: StepConditions) {
        let plainLoss = network.loss(batchSize: batchSize)
        func loss(_ model: any Module, _ range: Range<Int>) -> Loss {
            withMixedPrecision(conditions.mixesPrecision) { plainLoss(model, range) }
        }
        func steps(_ make: ([NamedParameter]) -> any Optimizer) -> () throws -> StepReport {
            let model = network.model()
            model.setImageLayout(conditions.imageLayout)
            let optimizer = make(model.namedParameters)
            return { try optimizer.step(examples: batchSize) { loss(model, $0) } }
        }
        // Small enough for any of these networks.
        sgd = steps { SGD($0, configuration: .init(learningRate: 1e-4)) }
        kfac = steps { KFACOptimizer($0, configuration: network.configuration(batchSize: batchSize)) }
        cycle = max(10, network.inversePeriod)
        let model = network.model()
        work = network.work(StepWork(recordingLayerUses { loss(model, 0..<batchSize) }.uses), batchSize: batchSize)
    }

    /// Times the mean step of each round.
    func measurement(_ turns: Turns) throws -> CaseMeasurement {
        try turns.onRound(0)
        for _ in 0..<Self.warmUp {
            _ = try kfac()
            _ = try sgd()
        }
        var kfacSamples: [Sample] = []
        var sgdSamples: [Sample] = []
        var phases: [StepReport.Phase: Double] = [:]
        for round in 1...turns.rounds {
            try turns.onRound(round)
            var sums = (kfac: Sample(seconds: 0, cpuSeconds: 0), sgd: Sample(seconds: 0, cpuSeconds: 0))
            for _ in 0..<cycle {
                sums.sgd += try Sample(of: { _ = try sgd() })
                var report: StepReport?
                sums.kfac += try Sample(of: { report = try kfac() })
                for (phase, seconds) in report?.phases ?? [] { phases[phase, default: 0] += seconds }
            }
            kfacSamples.append(sums.kfac / Double(cycle))
            sgdSamples.append(sums.sgd / Double(cycle))
        }
        let steps = Double(turns.rounds * cycle)
        return CaseMeasurement(
            work: work, samples: kfacSamples, sgd: sgdSamples,
            phases: StepReport.Phase.allCases.compactMap { phase in
                phases[phase].map { (phase.rawValue, $0 / steps) }
            })
    }
}

extension Sample {
    fileprivate static func += (sum: inout Sample, other: Sample) {
        sum.seconds += other.seconds
        sum.cpuSeconds += other.cpuSeconds
    }

    fileprivate static func / (sum: Sample, count: Double) -> Sample {
        Sample(seconds: sum.seconds / count, cpuSeconds: sum.cpuSeconds / count)
    }
}
