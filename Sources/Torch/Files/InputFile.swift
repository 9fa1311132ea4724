import Foundation

/// A regular file that is open for reading, and the length that it had when it was opened.
///
/// Only what is there is read, piece by piece, and a length that some header claims is never allocated unseen. Nothing
/// is mapped into memory: where another program cuts a mapped file off, this one dies by a bus error; where it is read,
/// it ends early, which can be told.
package final class InputFile {
    /// Where it is.
    package let path: String
    /// The number of bytes that it had when it was opened.
    package let byteCount: Int
    /// The system's number of the open file.
    package let descriptor: Int32

    /// Opens a file.
    ///
    /// - Throws: ``FileError`` if there is none, it is no regular file, or the system refuses.
    package init(path: String) throws(FileError) {
        (descriptor, byteCount) = try Self.open(path)
        self.path = path
    }

    deinit { close(descriptor) }

    private static func open(_ path: String) throws(FileError) -> (descriptor: Int32, byteCount: Int) {
        // Without waiting, as one does for a writer who may never come to a pipe.
        let descriptor = Foundation.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw FileError(path: path, reason: systemReason(errno)) }
        var status = stat()
        let result = fstat(descriptor, &status)
        let reason = result == 0 ? fault(of: status.st_mode) : systemReason(errno)
        if let reason {
            close(descriptor)
            throw FileError(path: path, reason: reason)
        }
        return (descriptor, Int(status.st_size))
    }

    /// Why something of this kind is not read; nil for a regular file.
    private static func fault(of mode: mode_t) -> String? {
        switch mode & S_IFMT {
        case S_IFREG: nil
        case S_IFDIR: systemReason(EISDIR)
        case S_IFIFO: "it is a pipe, and a regular file is needed"
        default: "it is a device, and a regular file is needed"
        }
    }

    /// Reads the next `count` bytes, or as many as there are.
    package func read(_ count: Int) throws(FileError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            // All at once where they are known to be there.
            let likely = bytes.isEmpty && count <= byteCount ? count : Self.pieceSize
            let piece = try readPiece(min(count - bytes.count, likely))
            if piece.isEmpty { break }
            if bytes.isEmpty { bytes = piece } else { bytes += piece }
        }
        return bytes
    }

    /// Reads what is left.
    ///
    /// - Parameter limit: More bytes than that are no such file.
    package func readAll(limit: Int) throws(FileError) -> [UInt8] {
        let bytes = try read(limit + 1)
        guard bytes.count <= limit else {
            throw FileError(path: path, reason: "it has more than \(limit) bytes, the most that such a file may have")
        }
        return bytes
    }

    /// The bytes of a file; nil if there is nothing of that name.
    package static func contents(of path: String, limit: Int) throws(FileError) -> [UInt8]? {
        var status = stat()
        guard stat(path, &status) == 0 || errno != ENOENT && errno != ENOTDIR else { return nil }
        return try InputFile(path: path).readAll(limit: limit)
    }

    /// Reads some bytes, at most `count`; none at the end.
    private func readPiece(_ count: Int) throws(FileError) -> [UInt8] {
        guard count <= ProcessInfo.processInfo.physicalMemory else {
            throw FileError(path: path, reason: "its \(count) bytes are more than this machine's memory")
        }
        return try Self.readPiece(count, from: descriptor, path: path)
    }

    /// Reads some bytes of an open file, at most `count`; none at the end.
    package static func readPiece(
        _ count: Int, from descriptor: Int32, path: String
    ) throws(FileError) -> [UInt8] {
        do throws(MemoryFault) { try MemoryFault.require(count, for: "read") } catch {
            throw FileError(path: path, reason: "there is not enough memory for its \(count) bytes")
        }
        var result = 0
        var number: Int32 = 0
        let piece = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat {
                result = Foundation.read(descriptor, buffer.baseAddress, count)
                number = errno
            } while result < 0 && number == EINTR
            initialized = max(0, result)
        }
        guard result >= 0 else { throw FileError(path: path, reason: systemReason(number)) }
        return piece
    }

    /// The most bytes that are asked for at once where nobody knows how many there are.
    package static let pieceSize = 1 << 22

    private static func systemReason(_ number: Int32) -> String { String(cString: strerror(number)) }
}
