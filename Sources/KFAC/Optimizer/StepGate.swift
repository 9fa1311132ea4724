import Synchronization
import Torch

/// Lets in one step of an optimiser at a time, from one thread, and none inside of another.
final class StepGate: Sendable {
    /// The thread whose step is in progress.
    private let thread = Mutex<OwnThread?>(nil)

    /// Stops the program where a step is in progress, which would go on with half of what it began with.
    func requireNoStep(_ operation: String) {
        guard thread.withLock({ $0 }) == nil else {
            fatalError("\(operation): called while a step is in progress; call it between steps")
        }
    }

    /// Runs a step; misuse stops the program.
    ///
    /// - Parameters:
    ///   - operation: The step's name, for messages: "SGD.step".
    ///   - recordsGradients: Whether the step needs operations to be recorded for differentiation.
    ///   - body: The step.
    func run<Result>(_ operation: String, recordsGradients: Bool = true, _ body: () throws -> Result) rethrows -> Result
    {
        guard !recordsGradients || gradientsAreRecorded else {
            fatalError(
                "\(operation): called inside of withoutGradients, where no gradients are recorded; call it outside, or "
                    + "inside of withGradients")
        }
        thread.withLock { thread in
            if let thread {
                fatalError(
                    thread.isCurrent
                        ? "\(operation): called inside of its own closure, whose step is not done yet"
                        : "\(operation): called while another thread is inside of a step; an optimizer is for one thread "
                            + "at a time")
            }
            thread = OwnThread()
        }
        defer { thread.withLock { $0 = nil } }
        return try body()
    }
}
