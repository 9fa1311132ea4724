import Foundation

/// A folder of a test's own, which goes when the value goes.
public final class TemporaryFolder {
    /// Where it is.
    public let path: String

    /// Creates an empty folder.
    public init() {
        path = FileManager.default.temporaryDirectory.appendingPathComponent("kfac-tests-\(UUID().uuidString)").path
        try! FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// What the folder itself is called.
    public var name: String { String(path.split(separator: "/").last!) }

    /// The path of something in the folder.
    public func callAsFunction(_ name: String) -> String { "\(path)/\(name)" }

    /// Writes a file and returns its path.
    @discardableResult
    public func write(_ bytes: some Sequence<UInt8>, to name: String) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: self(name)))
        return self(name)
    }

    /// The names of what is in the folder, sorted.
    public var names: [String] { (try? FileManager.default.contentsOfDirectory(atPath: path).sorted()) ?? [] }
}
