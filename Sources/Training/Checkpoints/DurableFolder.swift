import Foundation
import Torch

/// Writes a folder of files so that it appears under its name with all of them on the disk, or not at all.
struct DurableFolder {
    /// The name under which it is to appear.
    let path: String
    /// Where it is put together.
    private let temporaryPath: String

    /// Creates the folder under a temporary name.
    init(path: String) throws(CheckpointError) {
        self.path = path
        temporaryPath = "\(path).\(getpid()).tmp"
        // Left behind by an earlier attempt.
        try? FileManager.default.removeItem(atPath: temporaryPath)
        guard mkdir(temporaryPath, 0o777) == 0 else { throw .notWritable(path, reason: Self.reason) }
    }

    /// Writes a file to the disk.
    func write(_ data: Data, to name: String) throws(CheckpointError) {
        let file = "\(temporaryPath)/\(name)"
        let descriptor = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .notWritable(path, reason: Self.reason) }
        defer { close(descriptor) }
        guard OutputFile.write(data, to: descriptor), fsync(descriptor) == 0 else {
            throw .notWritable(path, reason: Self.reason)
        }
    }

    /// Gives the folder its name.
    func commit() throws(CheckpointError) {
        try Self.synchronize(temporaryPath)
        guard rename(temporaryPath, path) == 0 else { throw .notWritable(path, reason: Self.reason) }
        try Self.synchronize((path as NSString).deletingLastPathComponent)
    }

    /// Removes what was written.
    func discard() { try? FileManager.default.removeItem(atPath: temporaryPath) }

    /// Whether a name is that of a folder that was being put together, by a process that is no more.
    static func isAbandoned(_ name: String) -> Bool {
        let parts = name.split(separator: ".")
        guard parts.count > 2, parts.last == "tmp", let process = pid_t(parts[parts.count - 2]) else { return false }
        return process == getpid() || kill(process, 0) != 0 && errno == ESRCH
    }

    private static func synchronize(_ folder: String) throws(CheckpointError) {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .notWritable(folder, reason: reason) }
        defer { close(descriptor) }
        // Some file systems cannot flush a folder; then there is nothing more to be done.
        guard fsync(descriptor) == 0 || errno == EINVAL else { throw .notWritable(folder, reason: reason) }
    }

    private static var reason: String { String(cString: strerror(errno)) }
}
