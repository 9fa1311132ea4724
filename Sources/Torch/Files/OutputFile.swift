package import Foundation

/// Writes files with the system's own calls, so that what it refuses can be told.
package enum OutputFile {
    /// Writes a file, whole or not at all: what was there is replaced once the new content is on the disk.
    ///
    /// Where the path is a link, the file that it leads to is replaced.
    ///
    /// - Throws: ``FileWriteError`` if the system refuses, or something is there that is no regular file.
    package static func replace(_ path: String, with data: Data) throws(FileWriteError) {
        let place = try target(of: path)
        let temporary = "\(place).\(getpid()).tmp"
        // Left behind by an earlier attempt.
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw FileWriteError(path) }
        let isWritten = write(data, to: descriptor) && fsync(descriptor) == 0
        let reason = errno
        close(descriptor)
        guard isWritten, rename(temporary, place) == 0 else {
            let error = FileWriteError(path, isWritten ? errno : reason)
            unlink(temporary)
            throw error
        }
    }

    /// Writes all of the bytes to an open file; false, with the reason in `errno`, where the system refuses.
    package static func write(_ data: Data, to descriptor: Int32) -> Bool {
        data.withUnsafeBytes { bytes in
            var written = 0
            while written < bytes.count {
                // At most 1 GiB at once, which every system takes.
                let rest = min(bytes.count - written, 1 << 30)
                let count = Foundation.write(descriptor, bytes.baseAddress! + written, rest)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                written += count
            }
            return true
        }
    }

    /// The path itself, or what a link leads to.
    private static func target(of path: String) throws(FileWriteError) -> String {
        var status = stat()
        guard stat(path, &status) == 0 else {
            if errno == ENOENT { return path }
            throw FileWriteError(path)
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            throw status.st_mode & S_IFMT == S_IFDIR
                ? FileWriteError(path, EISDIR) : FileWriteError(path, reason: "it is a pipe or a device")
        }
        guard let resolved = realpath(path, nil) else { throw FileWriteError(path) }
        defer { free(resolved) }
        return String(cString: resolved)
    }
}
