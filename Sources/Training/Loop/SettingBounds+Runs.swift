import Datasets
package import KFAC

// The bounds of what a run, a comparison or a benchmark is told, for the library and the options of the command line.

extension SettingBounds {
    // MARK: Runs

    /// The number of epochs of a run.
    package static let epochs = whole(1...1_000_000_000)
    /// The number of steps of a run, of a comparison's runs and of its trials.
    package static let steps = whole(1...1_000_000_000)
    /// The number of examples of a step.
    package static let batchSize = whole(1...1_000_000_000)
    /// The number of steps until batches that grow have all examples.
    package static let batchGrowth = whole(BatchSize.growthSteps)
    /// The number of steps between tests.
    package static let testPeriod = whole(1...1_000_000_000)
    /// The number of examples that the model is tested on.
    package static let testLimit = whole(1...1_000_000_000)
    /// The number of training examples, of which some problems draw as many.
    package static let trainLimit = whole(1...10_000_000)
    /// The number of threads.
    package static let threads = whole(1...1024)

    // MARK: Checkpoints

    /// The minutes between checkpoints: up to two years.
    package static let checkpointMinutes = positive(upTo: 1_000_000)
    /// The seconds between checkpoints: as many minutes.
    package static let checkpointSeconds = positive(upTo: 60_000_000)
    /// The number of steps between checkpoints.
    package static let checkpointPeriod = whole(1...1_000_000_000)
    /// The number of checkpoints that are kept.
    package static let keptCheckpoints = whole(1...1_000_000)

    // MARK: Comparisons and benchmarks

    /// The number of runs of each method.
    package static let seeds = whole(1...10_000)
    /// The number of settings that are tried for each method.
    package static let trials = whole(1...10_000)
    /// The number of rounds of a benchmark.
    package static let repeats = whole(1...1000)
}
