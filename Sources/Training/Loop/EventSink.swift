/// Takes the events of a run: a file of metrics, a progress display, a test.
///
/// One whose content a resumed run is to continue is a ``ResumableSink``.
public protocol EventSink: AnyObject {
    /// Takes an event; an error ends the run.
    func receive(_ event: TrainingEvent) throws
}

/// Stops the program where two sinks have one name, and a checkpoint could hold only one of them.
func requireDistinctNames(_ sinks: [any EventSink]) {
    var seen: Set<String> = []
    for case let sink as any ResumableSink in sinks where !seen.insert(sink.name).inserted {
        fatalError("Trainer: two sinks have the name '\(sink.name)'; give each a name of its own")
    }
}
