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
