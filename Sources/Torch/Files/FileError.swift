/// Why a file could not be read.
public struct FileError: DescribedError, Hashable {
    /// The file.
    public let path: String
    /// The obstacle.
    public let reason: String

    package init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// One sentence with the file and the reason.
    public var description: String { "\(path) cannot be read: \(reason)" }
}
