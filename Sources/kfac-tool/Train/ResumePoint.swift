import Foundation
import Torch
import Training

/// Where a run that was stopped can go on.
struct ResumePoint {
    /// The folder of the run, which no other process works in meanwhile.
    let place: OwnedFolder
    /// The options that the run was started with.
    let arguments: [String]
    /// Where it stood; nil where it has no checkpoint yet and begins again.
    let checkpoint: Checkpoint?
    /// The path of that checkpoint.
    let checkpointPath: String?
    /// Whether that checkpoint was asked for, and is not the newest one by itself.
    let isChosen: Bool
    /// Whether `config.json` is lost, and the options are those that the checkpoint tells.
    let isConfigurationLost: Bool
    /// Notes for the user.
    let notes: [String]

    private struct Settings: Decodable { let arguments: [String] }

    /// Finds the newest checkpoint that is whole, of the run in a folder, or reads the checkpoint in a folder.
    init(_ path: String) throws {
        let files = FileManager.default
        try Self.requireFolder(path)
        var path = path
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        let isCheckpoint = files.fileExists(atPath: "\(path)/manifest.json")
        // A link to a checkpoint may lie elsewhere.
        if isCheckpoint { path = URL(fileURLWithPath: path).resolvingSymlinksInPath().path }
        let runPath =
            isCheckpoint
            ? URL(fileURLWithPath: path).deletingLastPathComponent().deletingLastPathComponent().path : path
        let configuration = "\(runPath)/config.json"
        let checkpoints = CheckpointFolder(path: "\(runPath)/checkpoints")
        guard isCheckpoint || files.fileExists(atPath: configuration) || !checkpoints.paths.isEmpty else {
            throw Self.noRun(path)
        }
        // First, so that nothing that is read is written meanwhile.
        place = try OwnedFolder(existing: runPath)
        var notes: [String] = []
        isChosen = isCheckpoint
        if isCheckpoint {
            (checkpoint, checkpointPath) = (try CheckpointFolder.read(path), path)
        } else {
            try Self.requireReadable(checkpoints.path)
            let latest = try Self.latest(of: checkpoints, &notes)
            (checkpoint, checkpointPath) = (latest?.checkpoint, latest?.path)
        }
        let stored = (try? InputFile.contents(of: configuration, limit: 1 << 20)).flatMap {
            try? JSONDecoder().decode(Settings.self, from: Data($0)).arguments
        }
        isConfigurationLost = stored == nil
        if let stored {
            arguments = stored
        } else {
            let isInPlace = !isCheckpoint || path.split(separator: "/").dropLast().last == "checkpoints"
            guard let told = checkpoint?.manifest.arguments, isInPlace else {
                throw ToolError(
                    "\(configuration) does not tell the options of the run: it is missing, damaged, or of a version "
                        + "without checkpoints; start the run again")
            }
            arguments = told
            notes.append("\(configuration) is missing or damaged: using the options in the checkpoint")
        }
        if checkpoint == nil {
            try Self.requireThatNothingIsLost(runPath, arguments)
            notes.append("\(runPath) has no checkpoint yet: the run begins again")
        }
        self.notes = notes
    }

    /// Makes sure that a run can be looked for in a folder.
    private static func requireFolder(_ path: String) throws {
        switch try PathTarget(path) {
        case .folder: break
        case .nothing: throw ToolError("\(path) does not exist: give the folder of a run, or of a checkpoint in it")
        case .file: throw ToolError("\(path) is no folder: give the folder of a run, or of a checkpoint in it")
        }
    }

    /// Why a folder is not a run's.
    private static func noRun(_ path: String) -> any Error {
        guard !CheckpointFolder(path: path).paths.isEmpty else { return CheckpointError.notFound(path) }
        return ToolError("\(path) holds the checkpoints of a run: give the run's folder, or one of them")
    }

    /// Checkpoints that may not be looked at are not taken for missing.
    private static func requireReadable(_ checkpoints: String) throws {
        guard case .folder = try PathTarget(checkpoints), access(checkpoints, R_OK | X_OK) != 0 else { return }
        throw ToolError(
            "\(checkpoints) cannot be read: \(String(cString: strerror(errno))): make it readable, then resume the run")
    }

    /// The newest checkpoint and its path; nil where there is none.
    private static func latest(
        of checkpoints: CheckpointFolder, _ notes: inout [String]
    ) throws -> (checkpoint: Checkpoint, path: String)? {
        notes += checkpoints.strays.map { "\($0) is a file, not a checkpoint: it is skipped" }
        guard !checkpoints.paths.isEmpty else { return nil }
        let found = try checkpoints.readLatest()
        if !found.damaged.isEmpty {
            notes += found.damaged.map(\.description) + ["the run continues from \(found.path) instead"]
        }
        return (found.checkpoint, found.path)
    }

    /// Refuses to begin again where more than the first minutes of a run would be lost.
    private static func requireThatNothingIsLost(_ runPath: String, _ arguments: [String]) throws {
        guard !arguments.contains("--no-checkpoints") else {
            throw ToolError(
                "\(runPath) was made with --no-checkpoints and cannot be resumed: start a new run in another folder")
        }
        let checkpoints = "\(runPath)/checkpoints"
        let isThere = FileManager.default.fileExists(atPath: checkpoints)
        if !isThere, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: checkpoints) {
            throw ToolError(
                "\(checkpoints) is a link to \(target), which does not exist: restore it (is a disk not mounted?), or "
                    + "start a new run in another folder")
        }
        let metrics = "\(runPath)/metrics.jsonl"
        guard try tellsOfCheckpoints(metrics) else { return }
        throw ToolError(
            "\(metrics) mentions checkpoints, but \(checkpoints) has none: restore them (is a disk not mounted?), or "
                + "start a new run in another folder")
    }

    private static func tellsOfCheckpoints(_ metrics: String) throws -> Bool {
        // Where there is no checkpoint, a run wrote for a few minutes only.
        guard let content = try InputFile.contents(of: metrics, limit: 1 << 30) else { return false }
        let start = Array(#"{"event":"checkpoint""#.utf8)
        return content.split(separator: UInt8(ascii: "\n")).contains { $0.starts(with: start) }
    }
}
