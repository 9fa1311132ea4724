import Foundation

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
public final class MetricsFile: ResumableSink {
    /// The name of the file: "metrics.jsonl".
    public let name: String

    private let file: LineFile
    private let encoder = JSONEncoder.forFiles([.sortedKeys, .withoutEscapingSlashes])

    /// The number of bytes in the file.
    public var byteCount: Int { file.byteCount }

    /// Creates the file, or continues one; see ``LineFile/init(path:keptByteCount:in:)``.
    public init(path: String, keptByteCount: Int? = nil, in place: OwnedFolder? = nil) throws(RunFolderError) {
        name = (path as NSString).lastPathComponent
        file = try LineFile(path: path, keptByteCount: keptByteCount, in: place)
    }

    /// The length of the file.
    public var state: SinkState { SinkState(byteCount: byteCount) }

    /// Drops what follows that length; the run repeats it.
    public func restore(_ state: SinkState) throws { try file.cut(to: state.byteCount ?? 0) }

    /// Adds a line.
    ///
    /// - Throws: ``RunFolderError`` where it cannot be written, or the path no longer leads to this file: lines would
    ///   be lost.
    public func receive(_ event: TrainingEvent) throws {
        switch event {
        case .runStart(let start): try write("run_start", start)
        case .epochStart(let epoch): try write("epoch_start", epoch)
        case .step(let result): try write("step", result)
        case .evaluation(let evaluation): try write("evaluation", evaluation)
        case .epochEnd(let result): try write("epoch_end", result)
        case .checkpoint(let result): try write("checkpoint", result)
        // The last line tells why the run ended, wherever the file is.
        case .runEnd(let summary): try write("run_end", summary, isLast: true)
        }
    }

    /// Writes one line, the event's name first.
    private func write(_ event: String, _ payload: some Encodable, isLast: Bool = false) throws {
        try file.append(
            Data(#"{"event":"\#(event)","#.utf8) + encoder.encode(payload).dropFirst(), isLast: isLast)
    }
}
