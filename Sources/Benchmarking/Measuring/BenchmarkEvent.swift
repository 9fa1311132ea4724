/// An event of a benchmark.
public enum BenchmarkEvent {
    /// The machine is known, and the cases are about to be timed.
    case start(BenchmarkReport.Machine, cases: [BenchmarkCase])
    /// A round of a case begins, numbered from 1; 0 is the warm-up. Cases are numbered from 1, too.
    case round(Int, of: Int, BenchmarkCase, number: Int)
    /// A case is over, which is the last one of the report so far.
    case result(BenchmarkReport)
    /// All cases are over.
    case end(BenchmarkReport)
}
