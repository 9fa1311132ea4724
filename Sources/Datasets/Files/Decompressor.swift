import Foundation
import Torch

/// The program gzip at work on one file.
///
/// It is started by the system's own means: Foundation's `Process` traps if it gets no pipe, and waits for ever
/// where it gets no thread.
final class Decompressor {
    private let path: String
    /// The pipes that gzip writes its output and its messages to.
    private let output: Int32
    private let messages: Int32
    private let process: pid_t
    /// How it ended, as `waitpid` tells it; nil as long as nobody asked, or where nobody can know.
    private var status: Int32?
    private var isOver = false

    init(_ file: InputFile) throws(DatasetError) {
        path = file.path
        guard let program = Self.program() else { throw .missingGzip(path) }
        func refusal(_ number: Int32) -> DatasetError {
            .unreadable(file.path, reason: "\(program) cannot be started: \(String(cString: strerror(number)))")
        }
        guard let output = Self.pipe() else { throw refusal(errno) }
        guard let messages = Self.pipe() else {
            let number = errno
            output.close()
            throw refusal(number)
        }
        let started = Self.start(program, [(file.descriptor, 0), (output.writing, 1), (messages.writing, 2)])
        close(output.writing)
        close(messages.writing)
        guard let process = started.process else {
            close(output.reading)
            close(messages.reading)
            throw refusal(started.error)
        }
        (self.output, self.messages, self.process) = (output.reading, messages.reading, process)
    }

    deinit {
        close(output)
        close(messages)
    }

    /// Reads `count` bytes, or as many as gzip gives.
    func read(_ count: Int, limit: UInt64) throws(FileError) -> [UInt8] {
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
        let said = FileHandle(fileDescriptor: messages, closeOnDealloc: false).readDataToEndOfFile()
        wait()
        let message = String(decoding: said, as: UTF8.self).split(separator: "\n").joined(separator: " ")
            .trimmingCharacters(in: .whitespaces)
        // Where the parent ignores the ends of its children, only what gzip says is known.
        guard let status, status != 0 || !message.isEmpty else {
            if message.isEmpty { return }
            throw .damagedGzip(path, reason: Self.reason(message))
        }
        guard status != 0 else { return }
        guard message.isEmpty else { throw .damagedGzip(path, reason: Self.reason(message)) }
        let signal = status & 0x7f
        let end = signal == 0 ? "with the status \(status >> 8 & 0xff)" : "by the signal \(signal)"
        throw .unreadable(path, reason: "gzip ended \(end) and said nothing")
    }

    /// Ends the program where its output is not wanted any more.
    func stop() {
        if isOver { return }
        // A gentler signal may be blocked: a child inherits the mask of the thread that starts it.
        kill(process, SIGKILL)
        wait()
    }

    private func wait() {
        guard !isOver else { return }
        var status: Int32 = 0
        var result: pid_t
        repeat { result = waitpid(process, &status, 0) } while result < 0 && errno == EINTR
        self.status = result == process ? status : nil
        isOver = true
    }

    private static func reason(_ message: String) -> String {
        let prefix = "gzip: stdin: "
        return message.hasPrefix(prefix) ? String(message.dropFirst(prefix.count)) : message
    }

    /// The two ends of a pipe, which no other program inherits.
    private struct Ends {
        let reading: Int32
        let writing: Int32

        func close() {
            Foundation.close(reading)
            Foundation.close(writing)
        }
    }

    /// nil, with the reason in `errno`, where the system refuses.
    private static func pipe() -> Ends? {
        var ends: [Int32] = [0, 0]
        guard Foundation.pipe(&ends) == 0 else { return nil }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        return Ends(reading: ends[0], writing: ends[1])
    }

    /// Starts a program that decompresses its input, with open files under other numbers.
    private static func start(
        _ program: String, _ files: [(own: Int32, its: Int32)]
    ) -> (process: pid_t?, error: Int32) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        for file in files { posix_spawn_file_actions_adddup2(&actions, file.own, file.its) }
        func pointers(_ texts: [String]) -> [UnsafeMutablePointer<CChar>?] { texts.map { strdup($0) } + [nil] }
        let arguments = pointers(["gzip", "-dc"])
        let environment = pointers(ProcessInfo.processInfo.environment.map { "\($0)=\($1)" })
        defer { for pointer in arguments + environment { free(pointer) } }
        var process: pid_t = 0
        let error = posix_spawn(&process, program, &actions, nil, arguments, environment)
        return (error == 0 ? process : nil, error)
    }

    /// The first gzip in PATH.
    private static func program() -> String? {
        let folders = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
        return folders.split(separator: ":").map { "\($0)/gzip" }.first { path in
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) && !isFolder.boolValue
                && access(path, X_OK) == 0
        }
    }
}
