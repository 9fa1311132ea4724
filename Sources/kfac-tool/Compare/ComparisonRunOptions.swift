import ArgumentParser
import Comparisons
import Datasets
import KFAC
import Training

/// How much a comparison does, and by what it compares.
struct ComparisonRunOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The number of steps of a final run. (default: \(Self.defaultSteps))", valueName: "count"),
        transform: SettingBounds.steps.count)
    var steps = Self.defaultSteps

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of final runs of each method, with the seeds 1, 2, ... (default: \(Self.defaultSeeds))",
            valueName: "count"),
        transform: SettingBounds.seeds.count)
    var seeds = Self.defaultSeeds

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of settings to try for each method that has any choice. (default: \(Self.defaultTrials))",
            valueName: "count"),
        transform: SettingBounds.trials.count)
    var trials: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The number of steps of a trial. (default: those of a final run)", valueName: "count"),
        transform: SettingBounds.steps.count)
    var tuningSteps: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The seed of all trials. (default: 0)", valueName: "seed"),
        transform: SettingBounds.seed)
    var tuningSeed: UInt64?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of examples of a step. \(BuiltInProblem.byProblem(\.batchSize))", valueName: "count"),
        transform: SettingBounds.batchSize.count)
    var batchSize: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Let the batches grow exponentially, from --batch-size to all training examples at this step.",
            valueName: "steps"),
        transform: SettingBounds.batchGrowth.count)
    var batchGrowth: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of steps between tests. (default: \(Self.defaultTestPeriod))", valueName: "steps"),
        transform: SettingBounds.testPeriod.count)
    var testPeriod = Self.defaultTestPeriod

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Test on the first test examples only.", valueName: "count"),
        transform: SettingBounds.testLimit.count)
    var testLimit: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "With all methods, test a running average of the parameters with this decay (for example 0.95) instead of them.",
            valueName: "decay"),
        transform: SettingBounds.momentum.number)
    var average: Double?

    @Option(
        help: ArgumentHelp(
            "By what to choose settings and to compare. (default: test-error where the problem has one, else "
                + "test-accuracy, else test-loss)"))
    var metric: ComparisonMetric?

    @Option(
        name: .customLong("target"),
        parsing: .unconditionalSingleValue,
        help: ArgumentHelp(
            "A value of the metric to be reached, or best:METHOD for the median of a method's final values; once for "
                + "each. An accuracy is a share, from 0 to 1.", valueName: "target"),
        transform: ComparisonTarget.option)
    var targets: [ComparisonTarget] = []

    @Option(
        help: ArgumentHelp(
            "The folder for the results, or of a comparison to continue. (default: a new one in the folder runs)",
            valueName: "folder"))
    var output: String?

    @Flag(help: "Print the results only.")
    var quiet = false

    private static let defaultSteps = 300
    private static let defaultSeeds = 5
    private static let defaultTrials = 8
    private static let defaultTestPeriod = 10

    func validate() throws {
        for target in targets where targets.count(where: { $0 == target }) > 1 {
            throw ValidationError("--target \(target) is given twice.")
        }
        if output == "" { throw ValidationError("--output needs the path of a folder; an empty text was given.") }
    }

    /// How the best settings are found.
    var tuning: ComparisonPlan.Tuning {
        ComparisonPlan.Tuning(
            trials: trials ?? Self.defaultTrials, steps: tuningSteps ?? steps, seed: tuningSeed ?? 0)
    }

    /// The options that say how settings are tried.
    var givenForTuning: [String] {
        [("--trials", trials != nil), ("--tuning-steps", tuningSteps != nil), ("--tuning-seed", tuningSeed != nil)]
            .filter(\.1).map(\.0)
    }

    /// The number of examples of each step.
    func batchSize(for problem: BuiltInProblem) -> BatchSize {
        let first = batchSize ?? problem.batchSize
        return batchGrowth.map { .growing(from: first, steps: $0) } ?? .constant(first)
    }
}
