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
}
