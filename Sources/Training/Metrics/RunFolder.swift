public import Foundation

/// The folder that a run leaves behind: its settings in `config.json`, its events in `metrics.jsonl`.
public struct RunFolder {
    /// Where it is.
    public let path: String
    /// The sink that writes `metrics.jsonl`.
    public let metrics: MetricsFile

    /// Creates the folder, with the settings in it.
    ///
    /// - Parameters:
    ///   - path: Where; the folders on the way are created, and the folder itself may exist if it holds no run.
    ///   - settings: What `config.json` is to say.
    /// - Throws: ``RunFolderError`` where the folder holds a run or cannot be written; nothing is left behind then.
    public init(path: String, settings: some Encodable) throws {
        self.path = path
        let files = FileManager.default
        let configuration = path + "/config.json"
        for file in [configuration, path + "/metrics.jsonl"] where files.fileExists(atPath: file) {
            throw RunFolderError.holdsRun(path)
        }
        let content = try Self.content(settings)
        let created = try Self.createFolders(path)
        do {
            try Self.write(content, to: configuration)
            metrics = try MetricsFile(path: path + "/metrics.jsonl")
        } catch {
            try? files.removeItem(atPath: created ?? configuration)
            throw error
        }
    }

    /// Goes on with the run in a folder.
    ///
    /// - Parameter keptByteCount: The number of bytes of `metrics.jsonl` that are kept; the run repeats what follows.
    /// - Throws: ``RunFolderError`` where another process writes to it, or it cannot be written.
    public init(resuming path: String, keptByteCount: Int) throws(RunFolderError) {
        self.path = path
        metrics = try MetricsFile(path: path + "/metrics.jsonl", keptByteCount: keptByteCount)
    }

    /// Writes other settings into `config.json`: those of a run that is made longer.
    ///
    /// - Throws: ``RunFolderError`` where it cannot be written; it is then as before.
    public func replaceSettings(by settings: some Encodable) throws {
        try Self.write(Self.content(settings), to: path + "/config.json")
    }

    private static func content(_ settings: some Encodable) throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        return try encoder.encode(settings) + Data("\n".utf8)
    }

    private static func write(_ content: Data, to file: String) throws(RunFolderError) {
        do { try content.write(to: URL(fileURLWithPath: file), options: .atomic) } catch {
            throw .notWritable(file, reason: reason(error))
        }
    }

    /// A path in `folder` that nothing has yet: `problem-optimizer-20260131-235959`, with a number where needed.
    public static func unusedPath(
        in folder: String = "runs", problem: String, optimizer: String, date: Date = Date()
    ) -> String {
        let parts = Calendar(identifier: .gregorian).dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: date)
        func digits(_ number: Int?, _ width: Int) -> String {
            let text = String(number ?? 0)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2)
        let time = digits(parts.hour, 2) + digits(parts.minute, 2) + digits(parts.second, 2)
        // What a data set's folder is called is its owner's business; what a path may hold is ours.
        let name = String(problem.lowercased().map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" })
        let path = "\(folder)/\(name)-\(optimizer)-\(day)-\(time)"
        guard FileManager.default.fileExists(atPath: path) else { return path }
        var number = 2
        while FileManager.default.fileExists(atPath: "\(path)-\(number)") { number += 1 }
        return "\(path)-\(number)"
    }

    /// Creates the folders on the way; returns the topmost one that was created, nil where all were there.
    static func createFolders(_ path: String) throws(RunFolderError) -> String? {
        let files = FileManager.default
        var missing: [String] = []
        var next = URL(fileURLWithPath: path).standardizedFileURL.path
        while !files.fileExists(atPath: next), next != "/" {
            missing.append(next)
            next = URL(fileURLWithPath: next).deletingLastPathComponent().path
        }
        for folder in missing.reversed() where mkdir(folder, 0o777) != 0 && errno != EEXIST {
            let reason = String(cString: strerror(errno))
            if folder != missing.last { try? files.removeItem(atPath: missing.last!) }
            throw .notWritable(path, reason: reason)
        }
        return missing.last
    }

    /// What the system says of a file that could not be written.
    static func reason(_ error: any Error) -> String {
        let error = error as NSError
        if error.domain == NSPOSIXErrorDomain { return String(cString: strerror(Int32(error.code))) }
        if let underlying = error.userInfo[NSUnderlyingErrorKey] as? NSError { return reason(underlying) }
        return switch CocoaError.Code(rawValue: error.code) {
        case .fileWriteOutOfSpace: String(cString: strerror(ENOSPC))
        case .fileWriteVolumeReadOnly: String(cString: strerror(EROFS))
        case .fileWriteNoPermission: String(cString: strerror(EACCES))
        case .fileNoSuchFile: String(cString: strerror(ENOENT))
        default: "the system gives no reason (error \(error.code) of \(error.domain))"
        }
    }
}

/// Why a run's folder could not be written.
public enum RunFolderError: Error, Hashable, CustomStringConvertible {
    /// The folder holds another run.
    case holdsRun(String)
    /// Another process writes to the run.
    case busy(String)
    /// The system refuses to create or write something.
    case notWritable(String, reason: String)

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .holdsRun(let path): "\(path) already holds a run: give another folder for the output"
        case .busy(let path): "\(path) is being written by another process: wait for its end, or stop it"
        case .notWritable(let path, let reason):
            "\(path) cannot be written: \(reason): give another folder for the output"
        }
    }
}
