import Foundation

/// Why a file could not be written.
public struct FileWriteError: DescribedError, Hashable {
    /// The file.
    public let path: String
    /// The obstacle.
    public let reason: String

    init(_ path: String, reason: String) { (self.path, self.reason) = (path, reason) }

    /// The system's message.
    init(_ path: String, _ number: Int32 = errno) { self.init(path, reason: String(cString: strerror(number))) }

    /// One sentence with the file and the reason.
    public var description: String { "\(path) cannot be written: \(reason)" }
}
