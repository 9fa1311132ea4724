import Foundation

/// The three files that every program is given.
enum StandardStreams {
    /// Opens those that are closed, on nothing.
    ///
    /// The next file that is opened would get the number of one that is closed, and be written what is for people.
    static func open() {
        // A new file has the least number that is free.
        for number in 0...2 as ClosedRange<Int32> where fcntl(number, F_GETFD) == -1 {
            _ = Foundation.open("/dev/null", O_RDWR)
        }
    }

    /// Tells something on the standard error; where nobody can read it, the program goes on.
    static func note(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data("note: \(text)\n".utf8))
    }
}
