import Foundation
import Training

/// Where a run that was stopped can go on.
struct ResumePoint {
    /// The folder of the run.
    let runPath: String
    /// The options that the run was started with.
    let arguments: [String]
    /// Where it stood; nil where it has no checkpoint yet and begins again.
    let checkpoint: Checkpoint?
    /// What the user should know of it.
    let notes: [String]

    private struct Settings: Decodable { let arguments: [String] }

    /// Finds the newest checkpoint that is whole, of the run in a folder, or reads the checkpoint in a folder.
    init(_ path: String) throws {
        let files = FileManager.default
        let path = path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
        var notes: [String] = []
        if files.fileExists(atPath: "\(path)/manifest.json") {
            runPath = URL(fileURLWithPath: path).deletingLastPathComponent().deletingLastPathComponent().path
            checkpoint = try CheckpointFolder.read(path)
        } else if files.fileExists(atPath: "\(path)/config.json") {
            runPath = path
            let folder = CheckpointFolder(path: "\(path)/checkpoints")
            if folder.paths.isEmpty {
                checkpoint = nil
                notes.append("\(path) has no checkpoint yet: the run begins again")
            } else {
                let found = try folder.readLatest()
                checkpoint = found.checkpoint
                if !found.damaged.isEmpty {
                    notes += found.damaged.map(\.description) + ["the run goes on from \(found.path) instead"]
                }
            }
        } else {
            throw CheckpointError.notFound(path)
        }
        let configuration = "\(runPath)/config.json"
        guard let content = files.contents(atPath: configuration),
            let settings = try? JSONDecoder().decode(Settings.self, from: content)
        else {
            throw ToolError(
                "\(configuration) does not tell the options of the run: it is missing, damaged, or of a version "
                    + "without checkpoints; start the run again")
        }
        arguments = settings.arguments
        self.notes = notes
    }
}
