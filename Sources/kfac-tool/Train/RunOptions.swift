import ArgumentParser
import Datasets
import KFAC
import Torch
import Training

/// How long, on what, and where to.
struct RunOptions: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("How often to go through the training examples. \(BuiltInProblem.byProblem(\.epochs))"),
        transform: SettingBounds.epochs.count)
    var epochs: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The number of steps to do, instead of a number of epochs.", valueName: "count"),
        transform: SettingBounds.steps.count)
    var steps: Int?

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
            "The number of steps between tests. (default: a test after each epoch; with --steps, one at the end)",
            valueName: "steps"),
        transform: SettingBounds.testPeriod.count)
    var testPeriod: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Test on the first test examples only.", valueName: "count"),
        transform: SettingBounds.testLimit.count)
    var testLimit: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Test a running average of the parameters with this decay (for example 0.99) instead of the parameters.",
            valueName: "decay"),
        transform: SettingBounds.momentum.number)
    var average: Double?

    @Option(
        help: ArgumentHelp(
            "Begin with the weights of this safetensors file, under PyTorch's names for the model or its own.",
            valueName: "file"))
    var initialWeights: String?

    @Option(
        parsing: .unconditional,
        help: "The seed of the initial weights, the batches and the sampled targets. (default: 0)",
        transform: SettingBounds.seed)
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "The folder for the results. (default: a new one in the folder runs)", valueName: "folder"))
    var output: String?

    @Flag(help: "Print the summary only.")
    var quiet = false

    func validate() throws {
        if epochs != nil, steps != nil {
            throw ValidationError("--epochs and --steps both say how long to train: give one of them.")
        }
        if output == "" { throw ValidationError("--output needs the path of a folder; an empty text was given.") }
        if initialWeights == "" {
            throw ValidationError("--initial-weights needs the path of a file; an empty text was given.")
        }
    }

    /// Whether the length of the run is given.
    var hasLength: Bool { epochs != nil || steps != nil }

    /// The options that say how long the run is.
    static let lengthOptions = ["--epochs", "--steps"]

    /// What holds on a problem where nothing is given, by the options' properties.
    func defaults(on problem: BuiltInProblem) -> [String: Any] { ["batchSize": problem.batchSize] }

    /// When the run is over.
    func length(of problem: BuiltInProblem) -> RunLength {
        steps.map { .steps($0) } ?? .epochs(epochs ?? problem.epochs)
    }

    /// Deals out so many training examples, in batches that a generator draws.
    func sampler(of problem: BuiltInProblem, trainingCount: Int, generator: RandomGenerator) -> BatchSampler {
        let first = batchSize ?? problem.batchSize
        return BatchSampler(
            count: trainingCount,
            batchSize: batchGrowth.map { .growing(from: first, steps: $0) } ?? .constant(first),
            // A batch that grows is to have its full size, not what happens to be left.
            partialBatch: batchGrowth == nil ? .keep : .drop, generator: generator)
    }
}
