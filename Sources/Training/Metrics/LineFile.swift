import Foundation
import Torch

/// A file of lines that one process at a time writes to, and that a resumed run continues.
///
/// A line is in the system's hands as soon as it is added: a run that is killed keeps its lines.
public final class LineFile {
    /// Where it is.
    public let path: String
    /// The number of bytes in the file.
    public private(set) var byteCount: Int

    private let file: FileHandle
    /// Kept for its lock.
    private let place: OwnedFolder?

    /// Creates the file, or continues one.
    ///
    /// The file is locked as long as this writes to it, so that no other run continues it meanwhile.
    ///
    /// - Parameters:
    ///   - keptByteCount: Continues after so many bytes of a file that is there, or creates it; the rest is dropped.
    ///     nil for a new file.
    ///   - place: The folder that it is in, which stays locked as long as the file is open; nil for none.
    /// - Throws: ``RunFolderError`` where it exists, cannot be written, or another process writes to it.
    public init(path: String, keptByteCount: Int? = nil, in place: OwnedFolder? = nil) throws(RunFolderError) {
        self.path = path
        self.place = place
        guard let keptByteCount else {
            let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
            guard descriptor >= 0 else { throw .notWritable(path) }
            file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            byteCount = 0
            try lock()
            return
        }
        // Without waiting, as one does for a reader who may never come to a pipe.
        let descriptor = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0o666)
        guard descriptor >= 0 else { throw .interrupted(path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw .interrupted(path, reason: "it is a pipe or a device, and a regular file is needed")
        }
        byteCount = Int(status.st_size)
        try lock()
        try cut(to: keptByteCount)
    }

    private func lock() throws(RunFolderError) {
        if flock(file.fileDescriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { throw .busy(path) }
    }

    /// Drops what follows the last whole line within the first bytes; a file that is shorter keeps its whole lines.
    ///
    /// The line ends there unless somebody else changed the file: no half of a line stays before the next one.
    ///
    /// - Throws: ``RunFolderError/interrupted(_:reason:)``.
    public func cut(to count: Int) throws(RunFolderError) {
        var end = min(max(0, count), byteCount)
        var byte: UInt8 = 0
        while end > 0, pread(file.fileDescriptor, &byte, 1, off_t(end - 1)) == 1, byte != UInt8(ascii: "\n") {
            end -= 1
        }
        guard end == byteCount || ftruncate(file.fileDescriptor, off_t(end)) == 0 else {
            throw .interrupted(path, reason: String(cString: strerror(errno)))
        }
        byteCount = end
    }

    /// Adds a line.
    ///
    /// - Parameters:
    ///   - line: The line, without its end.
    ///   - isLast: Whether nothing will follow: the line is then added wherever the file is by now.
    /// - Throws: ``RunFolderError`` where it cannot be written, or the path no longer leads to this file: lines would
    ///   be lost.
    public func append(_ line: some Sequence<UInt8>, isLast: Bool = false) throws(RunFolderError) {
        guard isLast || OwnedFolder.isAt(path, file.fileDescriptor) else { throw .moved(path) }
        let content = Data(line) + Data("\n".utf8)
        guard OutputFile.write(content, to: file.fileDescriptor) else {
            let reason = String(cString: strerror(errno))
            // No half of a line stays.
            ftruncate(file.fileDescriptor, off_t(byteCount))
            throw .interrupted(path, reason: "a line could not be added: \(reason)")
        }
        byteCount += content.count
    }
}
