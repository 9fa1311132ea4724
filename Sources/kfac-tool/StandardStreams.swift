@preconcurrency import Foundation
import Synchronization
import Training

/// The three files that every program is given.
enum StandardStreams {
    /// Opens those that are closed, on nothing, and sees to it that a lost output is told at the end.
    ///
    /// The next file that is opened would get the number of one that is closed, and be written what is for people.
    static func open() {
        // A new file has the least number that is free.
        for number in 0...2 as ClosedRange<Int32> where fcntl(number, F_GETFD) == -1 {
            _ = Foundation.open("/dev/null", O_RDWR)
        }
        // A limit of files' sizes is an error of the write, too, which says more than the end by a signal.
        signal(SIGXFSZ, SIG_IGN)
        #if canImport(Glibc)
            // What libtorch has registered is not taken apart: the memory goes anyway, and it would take longer than
            // many a command.
            on_exit(
                { status, _ in
                    StandardStreams.requireWritten()
                    _exit(status)
                }, nil)
        #else
            atexit { StandardStreams.requireWritten() }
        #endif
    }

    /// Why something that was printed could not be written; 0 for no reason that is known.
    private static let failure = Atomic<Int32>(0)

    /// Hands on what was printed.
    private static func flush() {
        if fflush(stdout) != 0 { _ = failure.compareExchange(expected: 0, desired: errno, ordering: .relaxed) }
    }

    /// Ends the program with an error where something that was printed could not be written.
    private static func requireWritten() {
        flush()
        let number = failure.load(ordering: .relaxed)
        guard number != 0 || ferror(stdout) != 0 else { return }
        let reason = number == 0 ? "" : ": \(String(cString: strerror(number)))"
        let text = "Error: the standard output could not be written\(reason): make room, or send it elsewhere\n"
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
        // The streams are flushed, and nothing that they hold can be written.
        _exit(1)
    }

    /// The standard output for what a command is there for: if it is lost, the command fails at its end.
    static func result() -> Terminal {
        var terminal = Terminal.standardOutput()
        terminal.write = {
            print($0, terminator: "")
            flush()
        }
        return terminal
    }

    /// Tells something on the standard error; where nobody can read it, the program goes on.
    static func note(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("note: \(text)\n".utf8))
    }
}
