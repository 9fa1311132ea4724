import Foundation
import Torch

/// The bytes of a file, or those that gzip makes of it, read from the beginning.
final class ByteStream {
    private let file: InputFile
    private let decompressor: Decompressor?
    /// The most bytes that a compressed file may expand to.
    private let limit: UInt64

    /// Opens a file; a name that ends in `.gz` is decompressed by the program gzip.
    ///
    /// - Parameter limit: The most bytes that a compressed file may expand to, whatever its header says: by default
    ///   half of the memory.
    init(path: String, limit: UInt64 = ProcessInfo.processInfo.physicalMemory / 2) throws(DatasetError) {
        self.limit = limit
        do { file = try InputFile(path: path) } catch { throw DatasetError(error) }
        decompressor = path.hasSuffix(".gz") ? try Decompressor(file) : nil
    }

    deinit { decompressor?.stop() }

    /// The length of the file; nil where it is compressed, and what is read of it may be longer.
    var byteCount: Int? { decompressor == nil ? file.byteCount : nil }

    /// Reads `count` bytes, or as many as there are.
    func read(_ count: Int) throws(DatasetError) -> [UInt8] {
        do {
            guard let decompressor else { return try file.read(count) }
            return try decompressor.read(count, limit: limit)
        } catch { throw DatasetError(error) }
    }

    /// Checks, at the end of the bytes, that they were all; a damaged compressed file ends early.
    func finish() throws(DatasetError) { try decompressor?.finish() }
}

extension DatasetError {
    fileprivate init(_ error: FileError) { self = .unreadable(error.path, reason: error.reason) }
}

/// The program gzip at work on one file.
private final class Decompressor {
    private let path: String
    private let process = Process()
    private let standardOutput = Pipe()
    private let standardError = Pipe()

    init(_ file: InputFile) throws(DatasetError) {
        path = file.path
        guard let program = Self.program() else { throw .missingGzip(path) }
        process.executableURL = URL(fileURLWithPath: program)
        process.arguments = ["-dc"]
        process.standardInput = FileHandle(fileDescriptor: file.descriptor, closeOnDealloc: false)
        process.standardOutput = standardOutput
        process.standardError = standardError
        do { try process.run() } catch { throw .unreadable(path, reason: "gzip cannot be started: \(error)") }
    }

    /// Reads `count` bytes, or as many as gzip gives.
    func read(_ count: Int, limit: UInt64) throws(FileError) -> [UInt8] {
        let output = standardOutput.fileHandleForReading.fileDescriptor
        var bytes: [UInt8] = []
        while bytes.count < count {
            let piece = try InputFile.readPiece(
                min(count - bytes.count, InputFile.pieceSize), from: output, path: path)
            if piece.isEmpty { break }
            bytes += piece
            guard bytes.count <= limit else {
                throw FileError(path: path, reason: "it expands to more than \(limit) bytes")
            }
        }
        return bytes
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
