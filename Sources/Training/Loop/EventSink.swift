/// Takes the events of a run: a file of metrics, a progress display, a test.
///
/// One whose content a resumed run is to continue is a ``ResumableSink``.
public protocol EventSink: AnyObject {
    /// Takes an event; an error ends the run.
    func receive(_ event: TrainingEvent) throws
}

/// A sink with a state, which checkpoints hold: a file that a resumed run continues.
///
/// ```swift
/// final class LossTable: ResumableSink {
///     let name = "losses.csv"
///     private let file: LineFile
///
///     /// - Parameter isResumed: Whether the file is there; what is too much of it is dropped when the run is resumed.
///     init(path: String, isResumed: Bool) throws {
///         file = try LineFile(path: path, keptByteCount: isResumed ? .max : nil)
///     }
///
///     func receive(_ event: TrainingEvent) throws {
///         if case .step(let step) = event { try file.append(Array("\(step.step),\(step.loss)".utf8)) }
///     }
///
///     var state: SinkState { SinkState(byteCount: file.byteCount) }
///
///     func restore(_ state: SinkState) throws { try file.cut(to: state.byteCount ?? 0) }
/// }
/// ```
public protocol ResumableSink: EventSink {
    /// The name by which checkpoints hold the state, another one for each of a trainer's sinks: that of its file.
    var name: String { get }

    /// Where the sink stands after the events so far.
    var state: SinkState { get }

    /// Goes back to where a sink of the same name stood, before the first event of the resumed run.
    ///
    /// It is not called where the checkpoint holds nothing under the name. An error ends the run.
    func restore(_ state: SinkState) throws
}

/// Where a sink stands.
public struct SinkState: Sendable, Hashable, Codable {
    /// The number of bytes of its file; what follows is repeated by a resumed run.
    public var byteCount: Int?
    /// Numbers that it carries from event to event, a running sum for one, by names of its own.
    public var numbers: [String: Double]?

    /// Creates a state.
    public init(byteCount: Int? = nil, numbers: [String: Double]? = nil) {
        self.byteCount = byteCount
        self.numbers = numbers
    }
}

/// Stops the program where two sinks have one name, and a checkpoint could hold only one of them.
func requireDistinctNames(_ sinks: [any EventSink]) {
    var seen: Set<String> = []
    for case let sink as any ResumableSink in sinks where !seen.insert(sink.name).inserted {
        fatalError("Trainer: two sinks have the name '\(sink.name)'; give each a name of its own")
    }
}
