import Foundation
public import Torch

/// Why a run's folder could not be written.
public enum RunFolderError: DescribedError, Hashable {
    /// The folder holds another run.
    case holdsRun(String)
    /// Another process writes to the run.
    case busy(String)
    /// The system refuses to create or write something.
    case notWritable(String, reason: String)
    /// The system refuses to write what a run that has begun goes on with.
    case interrupted(String, reason: String)
    /// The folder, or a file in it, was moved, removed or replaced while a run wrote to it.
    case moved(String)

    /// The system's own reason of its last refusal in this thread.
    static func notWritable(_ path: String) -> RunFolderError {
        .notWritable(path, reason: String(cString: strerror(errno)))
    }

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .holdsRun(let path): "\(path) already holds a run: give another folder for the output"
        case .busy(let path): "\(path) is being written by another process: wait for its end, or stop it"
        case .notWritable(let path, let reason):
            "\(path) cannot be written: \(reason): give another folder for the output"
        case .interrupted(let path, let reason):
            "\(path) cannot be written: \(reason): make room or make it writable, then resume the run "
                + "from its last checkpoint, if it has one"
        case .moved(let path):
            "\(path) was moved, removed or replaced during the run: resume the run from its folder's new place"
        }
    }
}
