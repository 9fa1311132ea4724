import Foundation

/// Writes the events of a run to a file, one JSON object a line.
///
/// Each object has the field `event` (`run_start`, `epoch_start`, `step`, `evaluation`, `epoch_end`, `run_end`) and the
/// fields of that event's payload in ``TrainingEvent``, in snake case; what does not apply is left out. Times are in
/// seconds, losses are means in nats, and numbers that JSON lacks are the texts "NaN", "Infinity" and "-Infinity". The
/// score of an evaluation and the outcome of a run are objects of their own; an outcome has the `status` `completed`,
/// `interrupted` (with the `signal`) or `failed` (with the `reason`).
///
/// A line is in the system's hands as soon as its event is over: a run that is killed keeps its lines.
public final class MetricsFile: EventSink {
    private let path: String
    private let file: FileHandle
    private let encoder = JSONEncoder()

    /// Creates the file.
    ///
    /// - Throws: ``RunFolderError`` where it exists or cannot be created.
    public init(path: String) throws(RunFolderError) {
        self.path = path
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0o666)
        guard descriptor >= 0 else { throw .notWritable(path, reason: String(cString: strerror(errno))) }
        file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
    }

    /// Adds a line.
    public func receive(_ event: TrainingEvent) throws {
        switch event {
        case .runStart(let start): try write("run_start", start)
        case .epochStart(let epoch): try write("epoch_start", epoch)
        case .step(let result): try write("step", result)
        case .evaluation(let evaluation): try write("evaluation", evaluation)
        case .epochEnd(let result): try write("epoch_end", result)
        case .runEnd(let summary): try write("run_end", summary)
        }
    }

    /// Writes one line, the event's name first.
    private func write(_ event: String, _ payload: some Encodable) throws {
        var line = Data(#"{"event":"\#(event)","#.utf8)
        line += try encoder.encode(payload).dropFirst()
        line.append(UInt8(ascii: "\n"))
        do { try file.write(contentsOf: line) } catch {
            throw RunFolderError.notWritable(path, reason: "a line could not be added (is the disk full?)")
        }
    }
}
