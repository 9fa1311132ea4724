import Synchronization
import Torch

/// Lets in one step of an optimiser at a time, from one thread, and none inside of another; nor is its state copied or
/// loaded meanwhile.
///
/// The step's own arithmetic is in full precision, also inside of `withMixedPrecision`; the model is run in the mode of
/// the step's caller.
package final class StepGate: Sendable {
    /// The thread whose step is in progress, and whether that thread computes in mixed precision otherwise.
    private let caller = Mutex<(thread: OwnThread, mixesPrecision: Bool)?>(nil)

    package init() {}

    /// Runs a step, or what there may be no step beside; misuse stops the program.
    ///
    /// - Parameters:
    ///   - operation: The name, for messages: "SGD.step".
    ///   - recordsGradients: Whether the step needs operations to be recorded for differentiation.
    ///   - body: The step.
    package func run<Result, Failure: Error>(
        _ operation: String, recordsGradients: Bool = true, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        guard !recordsGradients || gradientsAreRecorded else {
            fatalError(
                "\(operation): called inside of withoutGradients, where no gradients are recorded; call it outside, or "
                    + "inside of withGradients")
        }
        caller.withLock { caller in
            if let caller {
                fatalError(
                    caller.thread.isCurrent
                        ? "\(operation): called inside of a step's own closure, whose step is not done yet"
                        : "\(operation): called while another thread is inside of a step; an optimizer is for one thread "
                            + "at a time")
            }
            caller = (OwnThread(), precisionIsMixed)
        }
        defer { caller.withLock { $0 = nil } }
        return try withMixedPrecision(false, body)
    }

    /// Runs the model inside of a step.
    package func runModel<Result, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure) -> Result {
        try withMixedPrecision(caller.withLock { $0?.mixesPrecision ?? precisionIsMixed }, body)
    }
}
