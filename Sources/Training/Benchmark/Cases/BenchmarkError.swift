/// Why a benchmark could not be made.
public enum BenchmarkError: Error, Hashable, CustomStringConvertible {
    /// No case has a name that is or begins with the pattern.
    case unknownCase(String, known: [String])
    /// A file cannot be written.
    case notWritable(String, reason: String)

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .unknownCase(let pattern, let known):
            "there is no case '\(pattern)': give one of \(known.joined(separator: ", ")), the beginning of such a name, "
                + "or sizes of your own as in \(BenchmarkCase.forms.joined(separator: ", "))"
        case .notWritable(let path, let reason):
            "\(path) cannot be written: \(reason): give another file"
        }
    }
}
