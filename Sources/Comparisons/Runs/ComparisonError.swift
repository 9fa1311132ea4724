public import Torch

/// Why a comparison could not be made or continued.
public enum ComparisonError: DescribedError, Hashable {
    /// The folder holds a comparison of another plan.
    case otherPlan(String, difference: String)
    /// The folder holds a comparison on other data.
    case otherData(String, problem: String, difference: String)
    /// The folder holds something, but no comparison.
    case noPlan(String, found: String)
    /// The folder's plan cannot be read.
    case planNotReadable(String)
    /// Another process works in the folder.
    case busy(String)
    /// The records of a run cannot be read.
    case recordNotReadable(String, line: Int, reason: String)
    /// The note of the machines that runs were done on cannot be read.
    case machinesNotReadable(String)
    /// The system refuses to read a file, or it is no file.
    case unreadable(String, reason: String)
    /// The final runs there are were made with other settings than tuning chose.
    case otherChoice(String, method: String, chosen: String, used: String)

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .otherPlan(let path, let difference):
            "\(path) holds a comparison of another plan (\(difference)): continue it with the options it was begun "
                + "with, or give another folder for the output"
        case .otherData(let path, let problem, let difference):
            "the data of \(problem) are not those of the comparison in \(path): \(difference): continue with the "
                + "original data, or give another folder for the output"
        case .noPlan(let path, let found):
            "\(path) holds \(found), but no comparison to continue: give another folder for the output"
        case .planNotReadable(let path):
            "\(path) is not the plan of a comparison of this version: give another folder for the output"
        case .busy(let path):
            "another comparison is at work in \(path): wait for its end, or give another folder for the output"
        case .recordNotReadable(let path, let line, let reason):
            "\(path), line \(line), is not what a run wrote: \(reason): delete the file to repeat the run"
        case .machinesNotReadable(let path):
            "\(path) is not the note of the machines that the runs were done on: delete it to do without"
        case .unreadable(let path, let reason):
            "\(path) cannot be read: \(reason): make it readable, or give another folder for the output"
        case .otherChoice(let path, let method, let chosen, let used):
            "\(path) says that the final runs of \(method) were made with \(used), but its trials are best with "
                + "\(chosen): delete that file and the final runs of \(method) to repeat them"
        }
    }
}
