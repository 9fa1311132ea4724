import Foundation
import Synchronization

/// The effect on a run of signals that ask for the end of a program.
///
/// | signal | who sends it | what happens |
/// |---|---|---|
/// | INT, TERM | Ctrl-C, a system, a scheduler | the run ends after the step in progress; as a second signal, at once |
/// | HUP | a terminal that is closed | the run ends after the step in progress |
/// | XCPU, USR1, USR2 | a scheduler, before it kills | the run ends after the step in progress |
/// | ALRM, VTALRM, PROF | a timer, of the process or of who started it | the run ends after the step in progress |
/// | PWR (Linux) | a power supply that fails | the run ends after the step in progress |
/// | IO, STKFLT, real-time ones (Linux) | whoever means to end the program | the run ends after the step in progress |
/// | PIPE, XFSZ | the system, at a write | nothing: the write fails, and the run tells why or does without |
///
/// Signals of the middle rows may come again: a terminal may send HUP twice, and the system sends XCPU each second.
/// Those that tell of a crash (SEGV, ABRT, ILL and the like), QUIT, which asks for one, and KILL end the process at
/// once.
/// A signal that was ignored when the process started (under `nohup`, or in a shell's background job) stays ignored,
/// and one that something else handles already, such as a profiler, stays with it.
///
/// Signals belong to the process, and so does this.
public enum Interruption {
    /// The signals that end a run, and at once where one came before.
    private static let demands = [SIGINT, SIGTERM]
    /// The signals that end a run, and may come again meanwhile: all others that end a program and tell of no crash.
    private static let warnings = [SIGHUP, SIGXCPU, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF] + linuxWarnings
    #if os(Linux)
        private static let linuxWarnings =
            [SIGPWR, SIGIO, SIGSTKFLT] + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())
    #else
        private static let linuxWarnings: [Int32] = []
    #endif
    /// The signals of failing writes, which have an error, too.
    private static let writeFailures = [SIGPIPE, SIGXFSZ]

    /// The first signal that came; 0 for none.
    private static let first = Atomic<Int32>(0)

    /// From here on, signals do what the table says.
    public static func watch() {
        // The first use initialises the variable, which a signal handler must not do.
        first.store(0, ordering: .relaxed)
        for number in writeFailures { _ = signal(number, SIG_IGN) }
        for number in demands {
            handle(number) { number in
                if !Interruption.note(number) { _exit(128 + number) }
            }
        }
        for number in warnings { handle(number) { _ = Interruption.note($0) } }
        // A process inherits blocked signals from the thread that started it.
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in demands + warnings { sigaddset(&signals, number) }
        pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    /// The signal that came, nil for none.
    public static var signal: Int32? {
        let number = first.load(ordering: .relaxed)
        return number == 0 ? nil : number
    }

    /// Notes a signal; false where one came before.
    private static func note(_ number: Int32) -> Bool {
        first.compareExchange(expected: 0, desired: number, ordering: .relaxed).exchanged
    }

    private static func handle(_ number: Int32, _ handler: @escaping @convention(c) (Int32) -> Void) {
        let earlier = signal(number, handler)
        // Functions of C cannot be compared, but their addresses can.
        let isFree = unsafeBitCast(earlier, to: Int.self) == unsafeBitCast(SIG_DFL, to: Int.self)
        if !isFree { _ = signal(number, earlier) }
    }

    private static func signal(_ number: Int32, _ handler: sig_t?) -> sig_t? { Foundation.signal(number, handler) }
}

extension Cancellation {
    /// Asks for the end once a signal has come; see ``Interruption/watch()``.
    public static func bySignals() -> Cancellation { Cancellation { Interruption.signal } }
}
