public import Torch

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
