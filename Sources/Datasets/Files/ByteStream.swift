import Foundation

/// The bytes of a file, or those that gzip makes of it, read from the beginning.
final class ByteStream {
    private let path: String
    private let handle: FileHandle
    private let decompressor: Decompressor?

    /// The most bytes that are asked for at once, so that no length that a file claims is ever allocated unseen.
    private static let pieceSize = 1 << 22

    /// Opens a file; a name that ends in `.gz` is decompressed by the program gzip.
    init(path: String) throws(DatasetError) {
        self.path = path
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw .unreadable(path, reason: Self.systemReason()) }
        let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        if path.hasSuffix(".gz") {
            decompressor = try Decompressor(path: path, file: file)
            handle = decompressor!.output
        } else {
            decompressor = nil
            handle = file
        }
    }

    deinit { decompressor?.stop() }

    /// Reads `count` bytes, or as many as there are.
    func read(_ count: Int) throws(DatasetError) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try readPiece(min(count - bytes.count, Self.pieceSize))
            if piece.isEmpty { break }
            bytes += piece
        }
        return bytes
    }

    /// Reads some bytes, at most `count`; none at the end.
    private func readPiece(_ count: Int) throws(DatasetError) -> [UInt8] {
        var result = 0
        let piece = [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            repeat {
                result = Foundation.read(handle.fileDescriptor, buffer.baseAddress, count)
            } while result < 0 && errno == EINTR
            initialized = max(0, result)
        }
        guard result >= 0 else { throw .unreadable(path, reason: Self.systemReason()) }
        return piece
    }

    /// Checks, at the end of the bytes, that they were all; a damaged compressed file ends early.
    func finish() throws(DatasetError) { try decompressor?.finish() }

    private static func systemReason() -> String { String(cString: strerror(errno)) }
}

/// The program gzip at work on one file.
private final class Decompressor {
    private let path: String
    private let process = Process()
    private let standardOutput = Pipe()
    private let standardError = Pipe()

    var output: FileHandle { standardOutput.fileHandleForReading }

    init(path: String, file: FileHandle) throws(DatasetError) {
        self.path = path
        guard let program = Self.program() else { throw .missingGzip(path) }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-dc"]
        process.standardInput = file
        process.standardOutput = standardOutput
        process.standardError = standardError
        do { try process.run() } catch { throw .unreadable(path, reason: "gzip cannot be started: \(error)") }
    }

    /// Waits for the end; throws what gzip has to say where it failed.
    func finish() throws(DatasetError) {
        let said = standardError.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationStatus != 0 else { return }
        let message = String(decoding: said, as: UTF8.self).split(separator: "\n").joined(separator: " ")
        let prefix = "gzip: stdin: "
        let reason = message.trimmingCharacters(in: .whitespaces)
        throw .damagedGzip(path, reason: reason.hasPrefix(prefix) ? String(reason.dropFirst(prefix.count)) : reason)
    }

    /// Ends the program where its output is not wanted any more.
    func stop() {
        // A gentler signal may be blocked: a child inherits the mask of the thread that starts it.
        if process.isRunning { kill(process.processIdentifier, SIGKILL) }
        process.waitUntilExit()
    }

    private static func program() -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/gzip" }.first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }
}
