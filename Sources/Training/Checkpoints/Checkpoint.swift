public import Torch

/// Everything that the rest of a run depends on.
///
/// On disk a folder: `manifest.json` says what it is of and how far the run was, `model.safetensors` holds parameters
/// and buffers by their names in the model, `state.safetensors` all else, and `SHA256SUMS` the files' hashes, which
/// `sha256sum --check` understands.
public struct Checkpoint: Sendable {
    /// The run's identity and progress.
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

/// The identity and progress of a checkpoint's run.
public struct CheckpointManifest: Sendable, Hashable, Codable {
    /// The version of the format that this code writes; others cannot be read.
    public static let currentFormat = 2

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
    /// The source of products of matrices; with another one, results differ in their last bits.
    ///
    /// Nil if an earlier version wrote the checkpoint.
    public var products: MatrixProducts?
    /// The version of libtorch; with another one, results may differ in their last bits.
    public var libtorch: String
    /// The settings of the run, by paths such as "optimizer.damping"; see ``CheckpointSettings``.
    public var settings: [String: String]
    /// The arguments of the run, for resuming it; nil if they are not known.
    public var arguments: [String]?
    /// The identity of the data, as ``Problem/dataFingerprint``; nil where an earlier version wrote it.
    public var data: [String: String]?
    /// How far the run was.
    public var progress: TrainingProgress
}

extension Score {
    /// Whether this is the better score: by accuracy where there is one, or else by error or loss.
    public func isBetter(than other: Score) -> Bool {
        if let accuracy, let others = other.accuracy, accuracy != others { return accuracy > others }
        if let error, let others = other.error, error != others { return error < others || others.isNaN }
        return loss < other.loss || other.loss.isNaN && !loss.isNaN
    }
}
