import Foundation
import Torch

/// The folder that a run leaves behind: its settings in `config.json`, its events in `metrics.jsonl`.
public struct RunFolder {
    /// Where it is.
    public var path: String { place.path }
    /// The sink that writes `metrics.jsonl`.
    public let metrics: MetricsFile

    private let place: OwnedFolder

    /// Creates the folder, with the settings in it; see ``init(_:settings:)``.
    ///
    /// - Parameter path: Where; the folders on the way are created, and the folder itself may exist if it holds no run.
    public init(path: String, settings: some Encodable) throws {
        try self.init(OwnedFolder(path: path), settings: settings)
    }

    /// Begins a run in a folder.
    ///
    /// - Parameter settings: What `config.json` is to say.
    /// - Throws: ``RunFolderError`` where the folder holds a run or cannot be written; what this made is removed then,
    ///   and nothing else.
    public init(_ place: OwnedFolder, settings: some Encodable) throws {
        self.place = place
        let path = place.path
        let configuration = "\(path)/config.json"
        var isBegun = false
        do {
            try Self.checkThatNothingIsThere(path)
            let content = try Self.encoded(settings)
            try Self.create(configuration, content)
            isBegun = true
            metrics = try MetricsFile(path: "\(path)/metrics.jsonl", in: place)
        } catch {
            if isBegun { unlink(configuration) }
            place.removeWhatItMade()
            throw error
        }
    }

    /// Continues the run in a folder.
    ///
    /// - Parameters:
    ///   - keepsMetrics: Whether the run has a checkpoint, which tells how much of `metrics.jsonl` stays, and does not
    ///     begin again with none of it.
    ///   - settings: What `config.json` is to say from now on, where it was lost or the run has become longer; nil to
    ///     leave it as it is.
    /// - Throws: ``RunFolderError`` where another process writes to it, or it cannot be written.
    public init(resuming place: OwnedFolder, keepsMetrics: Bool, settings: (any Encodable)? = nil) throws {
        self.place = place
        if let settings {
            let file = "\(place.path)/config.json"
            do { try OutputFile.replace(file, with: Self.encoded(settings)) } catch let error as FileWriteError {
                throw RunFolderError.interrupted(file, reason: error.reason)
            }
        }
        metrics = try MetricsFile(
            path: "\(place.path)/metrics.jsonl", keptByteCount: keepsMetrics ? .max : 0, in: place)
    }

    private static func checkThatNothingIsThere(_ path: String) throws(RunFolderError) {
        // What is in a checkpoint goes with it.
        for name in ["config.json", "metrics.jsonl", "weights.safetensors", "plan.json", "manifest.json"]
        where FileManager.default.fileExists(atPath: "\(path)/\(name)") {
            throw .holdsRun(path)
        }
        // A new run would remove them as its own old ones.
        guard CheckpointFolder(path: "\(path)/checkpoints").paths.isEmpty else { throw .holdsRun(path) }
    }

    private static func encoded(_ settings: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(settings) + Data("\n".utf8)
    }

    /// Writes a file that is not there yet: where another process is faster, its file stays as it is.
    private static func create(_ path: String, _ content: Data) throws(RunFolderError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else {
            throw errno == EEXIST ? .holdsRun((path as NSString).deletingLastPathComponent) : .notWritable(path)
        }
        defer { close(descriptor) }
        guard OutputFile.write(content, to: descriptor), fsync(descriptor) == 0 else {
            let error = RunFolderError.notWritable(path)
            unlink(path)
            throw error
        }
    }
}
