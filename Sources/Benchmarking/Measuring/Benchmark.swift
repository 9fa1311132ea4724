import Reports
import Torch

/// Times cases one after the other, and the machine between them.
public struct Benchmark {
    /// The cases that are timed.
    public var cases: [BenchmarkCase]
    /// The number of rounds of each case.
    public var repeats: Int
    /// Whether eigendecompositions of more than 4000 rows are left out.
    public var isQuick: Bool
    /// What the steps of networks compute in and how.
    public var conditions: StepConditions

    /// Plans a benchmark.
    ///
    /// - Parameters:
    ///   - repeats: The number of rounds of each case, positive.
    ///   - conditions: What the steps of networks compute in and how.
    public init(
        cases: [BenchmarkCase], repeats: Int = 7, isQuick: Bool = false, conditions: StepConditions = StepConditions()
    ) {
        guard repeats > 0 else { fatalError("Benchmark: \(repeats) repeats; at least one is needed") }
        self.cases = cases
        self.repeats = repeats
        self.isQuick = isQuick
        self.conditions = conditions
    }

    /// Does it.
    ///
    /// - Parameter onEvent: Told what happens; what it throws ends the benchmark.
    /// - Returns: What came of all cases.
    @discardableResult
    public func run(onEvent: @escaping (BenchmarkEvent) throws -> Void = { _ in }) throws -> BenchmarkReport {
        let load = loadAverage()
        let probe = MachineProbe()
        let peakOnOneThread = probe.peakOnOneThread()
        var speeds = [probe.speed()]
        func machine() -> BenchmarkReport.Machine {
            let description = MachineDescription.current(device: .cpu)
            return BenchmarkReport.Machine(
                processor: description.processor, cores: description.cores, system: description.system,
                libtorch: description.libtorch, threads: description.threads,
                peakGflops: speeds.map(\.peak).median / 1e9, peakGflopsOneThread: peakOnOneThread / 1e9,
                copyGbytesPerSecond: speeds.map(\.copyBandwidth).median / 1e9, load: load, loadAfter: loadAverage())
        }
        var report = BenchmarkReport(
            machine: machine(), results: [], mixesPrecision: conditions.mixesPrecision,
            imageLayout: conditions.imageLayout)
        try onEvent(.start(report.machine, cases: cases))
        for (index, benchmarkCase) in cases.enumerated() {
            let turns = Turns(rounds: repeats) { round in
                try onEvent(.round(round, of: repeats, benchmarkCase, number: index + 1))
            }
            let measurement = try benchmarkCase.measurement(turns, isQuick: isQuick, conditions: conditions)
            speeds.append(probe.speed())
            // The bound is of the same minute as the time.
            let speed = MachineSpeed.best(speeds[speeds.count - 2], speeds[speeds.count - 1])
            report.results.append(BenchmarkResult(benchmarkCase, measurement, speed: speed))
            report.machine = machine()
            try onEvent(.result(report))
        }
        try onEvent(.end(report))
        return report
    }
}
