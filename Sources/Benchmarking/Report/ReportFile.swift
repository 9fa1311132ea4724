import Foundation
import Torch

/// A file that a report goes to, whole or not at all.
public struct ReportFile {
    /// Where it is.
    public let path: String

    /// Makes sure that the file can be written, before there is anything to lose.
    ///
    /// Its content stays until ``write(_:)``.
    ///
    /// - Throws: ``BenchmarkError/notWritable(_:reason:)``.
    public init(path: String) throws(BenchmarkError) {
        self.path = path
        if isFolder(path) { throw .notWritable(path, reason: "it is a folder") }
        if path.hasSuffix("/") { throw .notWritable(path, reason: "it has the name of a folder") }
        if FileManager.default.fileExists(atPath: path), !isRegularFile(path) {
            throw .notWritable(path, reason: "it is a pipe or a device")
        }
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        guard isFolder(folder) else {
            throw .notWritable(path, reason: "there is no folder \(folder)")
        }
        guard access(folder, W_OK | X_OK) == 0 else {
            throw .notWritable(path, reason: String(cString: strerror(errno)))
        }
    }

    /// Writes the file, over what it held.
    ///
    /// - Throws: ``BenchmarkError/notWritable(_:reason:)``.
    public func write(_ text: String) throws(BenchmarkError) {
        do { try OutputFile.replace(path, with: Data(text.utf8)) } catch {
            throw .notWritable(path, reason: error.reason)
        }
    }
}

private func isRegularFile(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

private func isFolder(_ path: String) -> Bool { (try? PathTarget(path)) == .folder }
