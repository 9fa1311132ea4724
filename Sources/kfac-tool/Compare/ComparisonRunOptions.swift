import ArgumentParser
import Datasets
import Training

/// How much a comparison does, and by what it compares.
struct ComparisonRunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("The number of steps of a final run.", valueName: "count"))
    var steps = 300

    @Option(help: ArgumentHelp("The number of final runs of each method, with the seeds 1, 2, ...", valueName: "count"))
    var seeds = 5

    @Option(
        help: ArgumentHelp("The number of settings to try for each method that has any choice.", valueName: "count"))
    var trials = 8

    @Option(help: ArgumentHelp("The number of steps of a trial. (default: those of a final run)", valueName: "count"))
    var tuningSteps: Int?

    @Option(help: ArgumentHelp("The seed of all trials.", valueName: "seed"))
    var tuningSeed: UInt64 = 0

    @Option(help: ArgumentHelp("The number of examples of a step. \(byProblem(\.batchSize))", valueName: "count"))
    var batchSize: Int?

    @Option(
        help: ArgumentHelp(
            "Let the batches grow exponentially, from --batch-size to all training examples at this step.",
            valueName: "steps"))
    var batchGrowth: Int?

    @Option(help: ArgumentHelp("The number of steps between tests.", valueName: "steps"))
    var testPeriod = 10

    @Option(help: ArgumentHelp("Test on the first test examples only.", valueName: "count"))
    var testLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Test a running average of the parameters with this decay, 0.95 for one, in their place, of all methods.",
            valueName: "decay"))
    var average: Double?

    @Option(
        help: ArgumentHelp(
            "By what to choose settings and to compare. (default: test-error where the problem has one, else "
                + "test-accuracy, else test-loss)"))
    var metric: ComparisonMetric?

    @Option(
        name: .customLong("target"),
        help: ArgumentHelp(
            "A value of the metric to be reached, or best:METHOD for the median of a method's final values; once for "
                + "each. An accuracy is a share, from 0 to 1.", valueName: "target"))
    var targets: [ComparisonTarget] = []

    @Option(
        help: ArgumentHelp(
            "The folder to leave behind, or to continue in. (default: a new one in the folder runs)",
            valueName: "folder"))
    var output: String?

    @Flag(help: "Print the results only.")
    var quiet = false

    func validate() throws {
        let counts: [(String, Int?)] = [
            ("--steps", steps), ("--seeds", seeds), ("--trials", trials), ("--tuning-steps", tuningSteps),
            ("--batch-size", batchSize), ("--batch-growth", batchGrowth), ("--test-period", testPeriod),
            ("--test-limit", testLimit),
        ]
        for case (let option, let count?) in counts { try check(option, count, in: 1...1_000_000) }
        try checkDecay("--average", average)
        for target in targets where targets.count(where: { $0 == target }) > 1 {
            throw ValidationError("--target \(target) is given twice.")
        }
        if output == "" { throw ValidationError("--output needs the path of a folder; an empty text was given.") }
    }

    /// The number of examples of each step.
    func batchSize(for problem: ProblemName) -> BatchSize {
        let first = batchSize ?? problem.batchSize
        return batchGrowth.map { .growing(from: first, steps: $0) } ?? .constant(first)
    }
}
