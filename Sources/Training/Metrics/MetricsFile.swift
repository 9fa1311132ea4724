import Foundation
import Torch

/// Writes the events of a run to a file, one JSON object a line.
///
/// Each object has the field `event` (`run_start`, `epoch_start`, `step`, `evaluation`, `epoch_end`,
/// `checkpoint`, `run_end`) and the
/// fields of that event's payload in ``TrainingEvent``, in snake case; what does not apply is left out. Times are in
/// seconds, losses are means in nats, and numbers that JSON lacks are the texts "NaN", "Infinity" and "-Infinity". The
/// score of an evaluation and the outcome of a run are objects of their own; an outcome has the `status` `completed`,
/// `interrupted` (with the `signal`) or `failed` (with the `reason`).
///
/// A line is in the system's hands as soon as its event is over: a run that is killed keeps its lines.
public final class MetricsFile: EventSink {
    private let path: String
    private let file: FileHandle
    /// Kept for its lock.
    private let place: OwnedFolder?
    private let encoder = JSONEncoder.forFiles([.sortedKeys, .withoutEscapingSlashes])

    /// The number of bytes in the file.
    public private(set) var byteCount: Int?

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
            if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { throw .busy(path) }
            byteCount = 0
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
        if flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { throw .busy(path) }
        let kept = Self.endOfLine(in: descriptor, upTo: min(keptByteCount, Int(status.st_size)))
        guard kept == Int(status.st_size) || ftruncate(descriptor, off_t(kept)) == 0 else {
            throw .interrupted(path, reason: String(cString: strerror(errno)))
        }
        byteCount = kept
    }

    /// Where the last whole line ends within the first bytes of a file.
    ///
    /// It is at their end unless somebody else changed the file: no half of a line stays before the next one.
    private static func endOfLine(in descriptor: Int32, upTo count: Int) -> Int {
        var end = count
        var byte: UInt8 = 0
        while end > 0, pread(descriptor, &byte, 1, off_t(end - 1)) == 1, byte != UInt8(ascii: "\n") { end -= 1 }
        return end
    }

    /// Adds a line.
    ///
    /// - Throws: ``RunFolderError`` where it cannot be written, or the path no longer leads to this file: lines would
    ///   be lost.
    public func receive(_ event: TrainingEvent) throws {
        // The last line tells why the run ended, wherever the file is.
        let isLast = if case .runEnd = event { true } else { false }
        guard isLast || OwnedFolder.isAt(path, file.fileDescriptor) else { throw RunFolderError.moved(path) }
        switch event {
        case .runStart(let start): try write("run_start", start)
        case .epochStart(let epoch): try write("epoch_start", epoch)
        case .step(let result): try write("step", result)
        case .evaluation(let evaluation): try write("evaluation", evaluation)
        case .epochEnd(let result): try write("epoch_end", result)
        case .checkpoint(let result): try write("checkpoint", result)
        case .runEnd(let summary): try write("run_end", summary)
        }
    }

    /// Writes one line, the event's name first.
    private func write(_ event: String, _ payload: some Encodable) throws {
        var line = Data(#"{"event":"\#(event)","#.utf8)
        line += try encoder.encode(payload).dropFirst()
        line.append(UInt8(ascii: "\n"))
        guard OutputFile.write(line, to: file.fileDescriptor) else {
            let reason = String(cString: strerror(errno))
            // No half of a line stays.
            ftruncate(file.fileDescriptor, off_t(byteCount ?? 0))
            throw RunFolderError.interrupted(path, reason: "a line could not be added: \(reason)")
        }
        byteCount = (byteCount ?? 0) + line.count
    }
}
