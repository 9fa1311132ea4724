/// The times of one case, each the median of its rounds, in seconds.
public struct BenchmarkResult: Sendable, Hashable, Encodable {
    /// The name of the case.
    public var name: String
    /// By the clock on the wall; of steps, the mean step of a cycle.
    public var seconds: Double
    /// By all threads together.
    public var cpuSeconds: Double
    /// The least time on this machine at that moment: max(flops / peak, bytes / bandwidth).
    public var boundSeconds: Double
    /// The least number of flops.
    public var flops: Double
    /// The least number of bytes that must move.
    public var bytes: Double
    /// Of the plain path: all vectors in memory, and one general product.
    public var plainSeconds: Double?
    /// By all threads together, of the plain path.
    public var plainCpuSeconds: Double?
    /// Of the eigendecomposition of the same matrix.
    public var eighSeconds: Double?
    /// By all threads together, of the eigendecomposition.
    public var eighCpuSeconds: Double?
    /// Of a step of SGD on the same network.
    public var sgdSeconds: Double?
    /// By all threads together, of a step of SGD.
    public var sgdCpuSeconds: Double?
    /// Of each phase of the mean step, by its name in snake case.
    public var phases: [String: Double]?
    /// The time of the statistics by that of the passes forward and backward; nil for what is no step.
    public var statisticsShare: Double?
    /// Which form the statistics took, and what the cost model expected of each; nil for what has no choice.
    public var reason: String?
    /// The wall-clock seconds of each round.
    public var samples: [Double]
    /// The peak that the bound is of, in GFLOP/s.
    public var peakGflops: Double
    /// The bandwidth that the bound is of, in GB/s.
    public var copyGbytesPerSecond: Double

    private enum CodingKeys: String, CodingKey {
        // Short, as people look for it by hand.
        case name = "case"
        case seconds, cpuSeconds, boundSeconds, flops, bytes, plainSeconds, plainCpuSeconds, eighSeconds
        case eighCpuSeconds, sgdSeconds, sgdCpuSeconds, phases, statisticsShare, reason, samples, peakGflops
        case copyGbytesPerSecond
    }

    /// The achieved share of the bound: 1 where the case took no longer than it must.
    public var boundShare: Double { boundSeconds / seconds }
}

extension BenchmarkResult {
    /// Sums a measurement up.
    init(_ benchmarkCase: BenchmarkCase, _ measurement: CaseMeasurement, speed: MachineSpeed) {
        let times = Sample.median(measurement.samples)
        name = benchmarkCase.description
        (seconds, cpuSeconds) = (times.seconds, times.cpuSeconds)
        boundSeconds = measurement.work.bound(at: speed)
        (flops, bytes) = (measurement.work.flops, measurement.work.bytes)
        let plain = measurement.plain.map(Sample.median)
        (plainSeconds, plainCpuSeconds) = (plain?.seconds, plain?.cpuSeconds)
        let eigh = measurement.eigh.map(Sample.median)
        (eighSeconds, eighCpuSeconds) = (eigh?.seconds, eigh?.cpuSeconds)
        let sgd = measurement.sgd.map(Sample.median)
        (sgdSeconds, sgdCpuSeconds) = (sgd?.seconds, sgd?.cpuSeconds)
        if !measurement.phases.isEmpty {
            let phases = Dictionary(uniqueKeysWithValues: measurement.phases.map { ($0.name.snakeCase, $0.seconds) })
            self.phases = phases
            let passes = (phases["forward"] ?? 0) + (phases["backward"] ?? 0)
            statisticsShare = passes > 0 ? (phases["statistics"] ?? 0) / passes : nil
        }
        reason = measurement.reason
        samples = measurement.samples.map(\.seconds)
        peakGflops = speed.peak / 1e9
        copyGbytesPerSecond = speed.copyBandwidth / 1e9
    }
}

extension String {
    /// A name in camel case with underscores: "curvatureBackward" becomes "curvature_backward".
    var snakeCase: String { map { $0.isUppercase ? "_\($0.lowercased())" : String($0) }.joined() }
}
