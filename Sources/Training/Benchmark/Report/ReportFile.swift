import Foundation

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
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent().path
        if isFolder(path) { throw .notWritable(path, reason: "it is a folder") }
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
        do { try Data(text.utf8).write(to: URL(fileURLWithPath: path), options: .atomic) } catch {
            throw .notWritable(path, reason: RunFolder.reason(error))
        }
    }
}

private func isFolder(_ path: String) -> Bool {
    var isDirectory: ObjCBool = false
    return FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) && isDirectory.boolValue
}
