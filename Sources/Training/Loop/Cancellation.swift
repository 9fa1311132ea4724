import Synchronization

/// A request to end a run, made from anywhere and read between steps.
public final class Cancellation: Sendable {
    private let isRequested = Atomic(false)
    private let check: @Sendable () -> Int32?

    /// Creates a cancellation that nobody has requested.
    ///
    /// - Parameter signal: Tells whether a signal has come that asks for the end, and which; asked between steps.
    public init(signal: @escaping @Sendable () -> Int32? = { nil }) { check = signal }

    /// Asks for the end of the run.
    public func request() { isRequested.store(true, ordering: .relaxed) }

    /// How the run ends if it ends now; nil where nobody asked for the end.
    package var outcome: RunSummary.Outcome? {
        if let signal = check() { return .interrupted(signal: signal) }
        return isRequested.load(ordering: .relaxed) ? .interrupted(signal: nil) : nil
    }
}
