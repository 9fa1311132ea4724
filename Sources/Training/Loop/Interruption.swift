import Foundation
import Synchronization

/// The signals by which a user or a system asks a program to end: SIGINT (Ctrl-C) and SIGTERM.
///
/// Signals belong to the process, and so does this.
public enum Interruption {
    /// The first signal that came; 0 for none.
    private static let first = Atomic<Int32>(0)

    /// From here on, notes the first signal instead of dying of it; a second one ends the process at once.
    public static func watch() {
        // The first use initialises the variable, which a signal handler must not do.
        first.store(0, ordering: .relaxed)
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGINT, SIGTERM] {
            signal(number) { number in
                let (isFirst, _) = Interruption.first.compareExchange(
                    expected: 0, desired: number, ordering: .relaxed)
                if !isFirst { _exit(128 + number) }
            }
            sigaddset(&signals, number)
        }
        // A process inherits blocked signals from the thread that started it.
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// The signal that came, nil for none.
    public static var signal: Int32? {
        let number = first.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    private static func signal(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
        _ = Foundation.signal(number, handler)
    }
}

extension Cancellation {
    /// Asks for the end once a signal has come; see ``Interruption/watch()``.
    public static func bySignals() -> Cancellation { Cancellation { Interruption.signal } }
}
