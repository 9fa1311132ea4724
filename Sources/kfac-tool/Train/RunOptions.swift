import ArgumentParser
import Datasets
import Torch
import Training

/// How long, on what, and where to.
struct RunOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How often to go through the training examples. \(byProblem(\.epochs))"))
    var epochs: Int?

    @Option(help: ArgumentHelp("The number of steps to do, instead of a number of epochs.", valueName: "count"))
    var steps: Int?

    @Option(help: ArgumentHelp("The number of examples of a step. \(byProblem(\.batchSize))", valueName: "count"))
    var batchSize: Int?

    @Option(
        help: ArgumentHelp(
            "Let the batches grow exponentially, from --batch-size to all training examples at this step.",
            valueName: "steps"))
    var batchGrowth: Int?

    @Option(
        help: ArgumentHelp(
            "The number of steps between tests. (default: a test after each epoch; with --steps, one at the end)",
            valueName: "steps"))
    var testPeriod: Int?

    @Option(help: ArgumentHelp("Test on the first test examples only.", valueName: "count"))
    var testLimit: Int?

    @Option(
        help: ArgumentHelp(
            "Test a running average of the parameters with this decay, 0.99 for one, in their place.",
            valueName: "decay"))
    var average: Double?

    @Option(
        help: ArgumentHelp(
            "Begin with the weights of this safetensors file, under PyTorch's names for the model or its own.",
            valueName: "file"))
    var initialWeights: String?

    @Option(help: "What the initial weights, the batches and the sampled targets follow from.")
    var seed: UInt64 = 0

    @Option(
        help: ArgumentHelp(
            "The folder to leave behind. (default: a new one in the folder runs)", valueName: "folder"))
    var output: String?

    @Flag(help: "Print the summary only.")
    var quiet = false

    func validate() throws {
        let counts = [
            ("--epochs", epochs), ("--steps", steps), ("--batch-size", batchSize), ("--batch-growth", batchGrowth),
            ("--test-period", testPeriod), ("--test-limit", testLimit),
        ]
        for case (let option, let count?) in counts { try check(option, count, in: 1...1_000_000) }
        if epochs != nil, steps != nil {
            throw ValidationError("--epochs and --steps both say how long to train: give one of them.")
        }
        try checkDecay("--average", average)
        if output == "" { throw ValidationError("--output needs the path of a folder; an empty text was given.") }
    }

    /// When the run is over.
    func length(of problem: ProblemName) -> RunLength {
        steps.map { .steps($0) } ?? .epochs(epochs ?? problem.epochs)
    }

    /// Deals out the training examples, in batches that a generator draws.
    func sampler(of source: ProblemSource, generator: RandomGenerator) -> BatchSampler {
        let first = batchSize ?? source.name.batchSize
        return BatchSampler(
            count: source.trainingCount,
            batchSize: batchGrowth.map { .growing(from: first, steps: $0) } ?? .constant(first),
            // A batch that grows is to have its full size, not what happens to be left.
            partialBatch: batchGrowth == nil ? .keep : .drop, generator: generator)
    }
}

/// Refuses a decay that no running average can have.
func checkDecay(_ option: String, _ decay: Double?) throws {
    guard let decay, !(decay >= 0 && decay < 1) else { return }
    throw ValidationError("\(option) must be at least 0 and less than 1; \(decay) was given.")
}

/// Checks that the number of an option lies in a range.
func check(_ option: String, _ number: Int, in range: ClosedRange<Int>) throws {
    guard range.contains(number) else {
        throw ValidationError(
            "\(option) must be from \(range.lowerBound) to \(range.upperBound); \(number) was given.")
    }
}
