public import Torch

/// Why a checkpoint could not be read, used or written.
public enum CheckpointError: DescribedError, Hashable {
    /// There is nothing to go on from.
    case notFound(String)
    /// A file is missing, unreadable or not what was written.
    case damaged(String, reason: String)
    /// All checkpoints of a run are damaged; the newest comes first.
    case allDamaged(String, reasons: [String])
    /// The checkpoint has another format.
    case otherFormat(String, found: Int)
    /// The checkpoint is of another run.
    case otherSettings(String, difference: String)
    /// The checkpoint is of a run on other data.
    case otherData(String, problem: String, difference: String)
    /// A new run would write its checkpoints among those of another one.
    case occupied(String)
    /// The system refuses to write something.
    case notWritable(String, reason: String)
    /// The system refuses to write the first checkpoint of a run.
    case firstNotWritable(String, reason: String)

    /// One sentence: what was wrong, where, and what to do.
    public var description: String {
        switch self {
        case .notFound(let path):
            "there is no checkpoint in \(path): give the folder of a run, or of a checkpoint in it"
        case .damaged(let path, let reason):
            "the checkpoint \(path) is damaged: \(reason): resume from another one"
        case .allDamaged(let path, let reasons):
            "all checkpoints in \(path) are damaged: \(reasons.joined(separator: ", ")): start the run again"
        case .otherFormat(let path, let found):
            "the checkpoint \(path) has the format \(found), this version reads "
                + "\(CheckpointManifest.currentFormat): use the version that wrote it"
        case .otherSettings(let path, let difference):
            "the checkpoint \(path) is of another run: \(difference): use the run's own options, or start a new run"
        case .otherData(let path, let problem, let difference):
            "the data of \(problem) are not those of the checkpoint \(path): \(difference): resume with the original "
                + "data, or start a new run"
        case .occupied(let path):
            "\(path) already holds checkpoints: give another folder, or resume from them (Trainer.run(_:with:from:))"
        case .notWritable(let path, let reason):
            "the checkpoint \(path) cannot be written: \(reason): the last one stands; make room or make it "
                + "writable, then resume from it"
        case .firstNotWritable(let path, let reason):
            "the checkpoint \(path) cannot be written: \(reason): there is none before it; make room or make it "
                + "writable, then resume the run, which begins again"
        }
    }
}
