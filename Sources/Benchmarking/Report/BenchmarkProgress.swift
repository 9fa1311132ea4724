public import Training

/// Tells people how a benchmark goes: a table that grows by a case at a time, and on a terminal what is being timed.
public final class BenchmarkProgress {
    private let output: Terminal
    private var line: RedrawnLine
    private let clock = ContinuousClock()
    private let start: ContinuousClock.Instant
    private var table = BenchmarkTable(names: [])
    private var count = 0

    /// Creates a report.
    ///
    /// - Parameters:
    ///   - output: Where the table goes.
    ///   - status: Where the line about the present case is drawn again and again, if lines can be redrawn there.
    public init(to output: Terminal, status: Terminal) {
        self.output = output
        line = RedrawnLine(status)
        start = clock.now
    }

    /// Tells what is to be told of an event.
    public func receive(_ event: BenchmarkEvent) {
        switch event {
        case .start(let machine, let cases):
            count = cases.count
            table = BenchmarkTable(names: cases.map(\.description))
            tell([BenchmarkTable.machine(machine), ""] + BenchmarkTable.legend + ["", table.header])
        case .round(let round, let rounds, let benchmarkCase, let number):
            let elapsed = Text.time(start.duration(to: clock.now) / .seconds(1))
            let state = round == 0 ? "warm-up" : "round \(round)/\(rounds)"
            line.draw(isLast: true) { width in
                String("\(number)/\(count) \(benchmarkCase)  \(state)  \(elapsed)".prefix(width))
            }
        case .result(let report):
            if let result = report.results.last { tell(table.lines(result)) }
        case .end(let report):
            let machine = report.machine
            tell([
                "",
                "medians: peak \(machine.peakGflops.fixed(0)) GFLOP/s, copy \(machine.copyGbytesPerSecond.fixed(1)) GB/s; "
                    + "load \(machine.load.fixed(1)) before, \(machine.loadAfter.fixed(1)) after",
            ])
        }
    }

    private func tell(_ lines: [String]) {
        line.erase()
        output.write(Text.lines(lines))
    }
}
