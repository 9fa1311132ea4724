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

extension Score {
    /// Whether this is the better score: by accuracy where there is one, or else by error or loss.
    public func isBetter(than other: Score) -> Bool {
        if let accuracy, let others = other.accuracy, accuracy != others { return accuracy > others }
        if let error, let others = other.error, error != others { return error < others || others.isNaN }
        return loss < other.loss || other.loss.isNaN && !loss.isNaN
    }
}
