public import Torch

/// Everything that the rest of a run depends on.
///
/// On disk a folder: `manifest.json` says what it is of and how far the run was, `model.safetensors` holds parameters
/// and buffers by their names in the model, `state.safetensors` all else, and `SHA256SUMS` the files' hashes, which
/// `sha256sum --check` understands.
public struct Checkpoint: Sendable {
    /// What it is of, and how far the run was.
    public var manifest: CheckpointManifest
    /// The model's parameters, buffers and generators, as ``Problem/state()`` gives them.
    public var model: [String: Tensor]
    /// The state of the optimiser ("optimizer"), of the order of the data ("sampler"), and of the average of the
    /// parameters, where there is one ("average").
    public var state: Snapshot

    /// Puts a checkpoint together.
    public init(manifest: CheckpointManifest, model: [String: Tensor], state: Snapshot) {
        self.manifest = manifest
        self.model = model
        self.state = state
    }
}

/// What a checkpoint is of, and how far the run was.
public struct CheckpointManifest: Sendable, Hashable, Codable {
    /// The version of the format that this code writes; others cannot be read.
    public static let currentFormat = 1

    /// The version of the format.
    public var format = CheckpointManifest.currentFormat
    /// The name of the problem.
    public var problem: String
    /// The name of the optimiser.
    public var optimizer: String
    /// Where the parameters were.
    public var device: String
    /// The number of threads; with another one, results differ in their last bits.
    public var threads: Int
    /// The version of libtorch; with another one, results may differ in their last bits.
    public var libtorch: String
    /// What was chosen for the run, by paths such as "optimizer.damping"; see ``CheckpointSettings``.
    public var settings: [String: String]
    /// How far the run was.
    public var progress: TrainingProgress
}

/// How far a run is.
public struct TrainingProgress: Sendable, Hashable, Codable {
    /// What was done so far.
    public var summary = RunSummary(outcome: .completed)
    /// The test with the best score so far.
    public var best: TrainingEvent.Evaluation?
    /// The epoch of the last step, from 1; 0 before the first.
    public var epoch = 0
    /// The steps of this run in that epoch, and how many of them are done; both 0 once it is over.
    public var epochSteps = 0
    /// The number of them that are done.
    public var epochStepsDone = 0
    /// The examples, the sum of their losses and the time of these steps.
    public var epochExamples = 0
    /// The sum of the losses of these examples, each before its step.
    public var epochLoss = 0.0
    /// The time of these steps, in seconds.
    public var epochSeconds = 0.0
    /// Where the order of the data stands; its generator is part of the state.
    public var samplerStep = 0
    /// The epoch of the sampler, from 0.
    public var samplerEpoch = 0
    /// The number of examples of that epoch that were dealt.
    public var samplerDealt = 0
    /// The number of bytes that the metrics had; what follows is repeated by a resumed run.
    public var metricsByteCount: Int?

    /// Before the first step.
    init() {}

    /// Whether a run can be there: what is read from a file must not make it count beyond all numbers.
    var isPossible: Bool {
        let counts = [
            summary.steps, summary.epochs, summary.examples, epoch, epochSteps, epochStepsDone, epochExamples,
            metricsByteCount ?? 0, best?.steps ?? 0, summary.lastEvaluation?.steps ?? 0,
        ]
        return counts.allSatisfy { (0...(1 << 53)).contains($0) } && epochStepsDone <= epochSteps
    }
}

extension Score {
    /// Whether this is the better score: by accuracy where there is one, or else by error or loss.
    public func isBetter(than other: Score) -> Bool {
        if let accuracy, let others = other.accuracy, accuracy != others { return accuracy > others }
        if let error, let others = other.error, error != others { return error < others || others.isNaN }
        return loss < other.loss || other.loss.isNaN && !loss.isNaN
    }
}
