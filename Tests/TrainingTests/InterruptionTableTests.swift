import Foundation
import Testing
import Training

/// Which signals a run takes for itself.
@Suite struct InterruptionTableTests {
    /// A profiler's signal comes many times a second, and asks for nothing.
    @Test func handledSignalsStayWhereTheyAre() async {
        await #expect(processExitsWith: .success) {
            signal(SIGPROF) { _ in }
            Interruption.watch()
            raise(SIGPROF)
            precondition(Interruption.signal == nil)
            raise(SIGALRM)
            precondition(Interruption.signal == SIGALRM)
        }
    }

    #if os(Linux)
        /// Whatever would end the process without a checkpoint, and tells of no crash.
        @Test func allSignalsThatEndAProgramEndTheRun() async {
            await #expect(processExitsWith: .success) {
                let crashes = [SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS]
                let inescapable = [SIGKILL, SIGSTOP]
                let harmless = [SIGCHLD, SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGURG, SIGWINCH]
                // The C library keeps the first two real-time signals for itself.
                let reserved = Array(32..<__libc_current_sigrtmin())
                let others = Set(crashes + inescapable + harmless + reserved)
                for number in 1...__libc_current_sigrtmax() where !others.contains(number) {
                    signal(number, SIG_DFL)
                    Interruption.watch()
                    raise(number)
                    precondition(Interruption.signal == ([SIGPIPE, SIGXFSZ].contains(number) ? nil : number))
                }
            }
        }
    #endif
}
