public import Foundation

/// A folder that one process at a time works in: the one that opened it, until this value or the process goes.
///
/// The folder itself is locked (`flock`), so the lock leaves no file behind. Some network file systems cannot lock
/// folders: there, only the exclusive creation of files tells two runs apart.
public final class OwnedFolder: Sendable {
    /// Where it is.
    public let path: String
    /// The folders that this made, outermost first.
    private let made: [String]
    /// Kept open for its lock.
    private let descriptor: Int32

    private init(path: String, made: [String], descriptor: Int32) {
        self.path = path
        self.made = made
        self.descriptor = descriptor
    }

    deinit { close(descriptor) }

    /// Opens a folder, which is made where it is not there, as are those on the way.
    ///
    /// - Throws: ``RunFolderError`` where another process works in it, or it cannot be made; nothing is left behind.
    public convenience init(path: String) throws(RunFolderError) {
        var made: [String] = []
        var descriptor: Int32?
        // Again where somebody removed it between making and locking it.
        while descriptor == nil {
            made += try Self.make(path)
            do { descriptor = try Self.lock(path) } catch {
                // A folder that another process works in is not empty for long.
                if error != .busy(path) { Self.removeEmpty(made) }
                throw error
            }
        }
        self.init(path: path, made: made, descriptor: descriptor!)
    }

    /// Opens a folder that is there.
    ///
    /// - Throws: ``RunFolderError`` where it is not there, or another process works in it.
    public convenience init(existing path: String) throws(RunFolderError) {
        guard let descriptor = try Self.lock(path) else {
            throw .notWritable(path, reason: String(cString: strerror(ENOENT)))
        }
        self.init(path: path, made: [], descriptor: descriptor)
    }

    /// Makes a new folder in `folder`: `problem-optimizer-20260131-235959`, with a number where that is taken.
    ///
    /// Making it decides whose it is: two processes that ask in the same second get different ones.
    public static func unused(
        in folder: String = "runs", problem: String, optimizer: String, date: Date = Date()
    ) throws(RunFolderError) -> OwnedFolder {
        let name = Self.name(problem: problem, optimizer: optimizer, date: date)
        let made = try make(folder)
        var number = 1
        while true {
            let path = "\(folder)/\(name)\(number == 1 ? "" : "-\(number)")"
            guard mkdir(path, 0o777) == 0 else {
                let reason = errno
                if reason == EEXIST {
                    number += 1
                    continue
                }
                removeEmpty(made)
                throw .notWritable(path, reason: String(cString: strerror(reason)))
            }
            if let descriptor = try lock(path) {
                return OwnedFolder(path: path, made: made + [path], descriptor: descriptor)
            }
        }
    }

    /// Makes sure that the path still leads to this folder.
    ///
    /// - Throws: ``RunFolderError/moved(_:)``.
    package func check() throws(RunFolderError) {
        guard Self.isAt(path, descriptor) else { throw .moved(path) }
    }

    /// Removes the folders that this made, as far as nothing is in them.
    package func removeWhatItMade() { Self.removeEmpty(made) }

    private static func name(problem: String, optimizer: String, date: Date) -> String {
        let parts = Calendar(identifier: .gregorian).dateComponents(
            [.year, .month, .day, .hour, .minute, .second], from: date)
        func digits(_ number: Int?, _ width: Int) -> String {
            let text = String(number ?? 0)
            return String(repeating: "0", count: max(0, width - text.count)) + text
        }
        let day = digits(parts.year, 4) + digits(parts.month, 2) + digits(parts.day, 2)
        let time = digits(parts.hour, 2) + digits(parts.minute, 2) + digits(parts.second, 2)
        // A data set's folder may have any name; a path may not.
        let name = String(problem.lowercased().map { $0.isLetter || $0.isNumber || $0 == "-" ? $0 : "_" })
        return "\(name)-\(optimizer)-\(day)-\(time)"
    }

    /// Opens and locks a folder; nil where it is not there, or not there any more.
    private static func lock(_ path: String) throws(RunFolderError) -> Int32? {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            let reason = errno
            if reason == ENOENT { return nil }
            throw .notWritable(path, reason: String(cString: strerror(reason)))
        }
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
            close(descriptor)
            throw .busy(path)
        }
        guard isAt(path, descriptor) else {
            close(descriptor)
            return nil
        }
        return descriptor
    }
}

extension OwnedFolder {
    /// Makes the folders on the way to a path, and returns those that were not there, outermost first.
    ///
    /// - Throws: ``RunFolderError/notWritable(_:reason:)``; what was made is removed again.
    package static func make(_ path: String) throws(RunFolderError) -> [String] {
        var missing: [String] = []
        var next = URL(fileURLWithPath: path).standardizedFileURL.path
        while !FileManager.default.fileExists(atPath: next), next != "/" {
            missing.append(next)
            next = URL(fileURLWithPath: next).deletingLastPathComponent().path
        }
        var made: [String] = []
        for folder in missing.reversed() {
            if mkdir(folder, 0o777) == 0 {
                made.append(folder)
                continue
            }
            let reason = errno
            // Another process may have been faster.
            var isFolder: ObjCBool = false
            if reason == EEXIST, FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder),
                isFolder.boolValue
            {
                continue
            }
            removeEmpty(made)
            throw .notWritable(path, reason: Self.reason(reason, folder))
        }
        return made
    }

    /// Removes folders, innermost first, as long as nothing is in them.
    static func removeEmpty(_ folders: [String]) { for folder in folders.reversed() { rmdir(folder) } }

    /// Whether a path leads to an open file or folder.
    package static func isAt(_ path: String, _ descriptor: Int32) -> Bool {
        var (open, there) = (stat(), stat())
        return fstat(descriptor, &open) == 0 && stat(path, &there) == 0 && open.st_ino == there.st_ino
            && open.st_dev == there.st_dev
    }

    private static func reason(_ number: Int32, _ folder: String) -> String {
        guard number == EEXIST, let target = try? FileManager.default.destinationOfSymbolicLink(atPath: folder) else {
            return String(cString: strerror(number))
        }
        return "it is a link to \(target), which does not exist"
    }
}
