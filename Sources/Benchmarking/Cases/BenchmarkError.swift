public import Torch

/// Why a benchmark could not be made.
public enum BenchmarkError: DescribedError, Hashable {
    /// No case has a name that is or begins with the pattern.
    case unknownCase(String, known: [String])
    /// A file cannot be written.
    case notWritable(String, reason: String)

    /// One sentence with all of it.
    public var description: String {
        switch self {
        case .unknownCase(let pattern, let known):
            "there is no case '\(pattern)': give \(Self.names(like: pattern, known)), the beginning of such a name, or sizes "
                + "of your own from 1 to \(BenchmarkCase.largestSize) as in \(BenchmarkCase.forms.joined(separator: ", "))"
        case .notWritable(let path, let reason):
            "\(path) cannot be written: \(reason): give another file"
        }
    }

    /// The names of the family that was meant, or where all names are.
    private static func names(like pattern: String, _ known: [String]) -> String {
        let family = pattern.prefix { $0 != "/" } + "/"
        let names = known.filter { $0.hasPrefix(family) }
        return names.isEmpty ? "a name of 'kfac bench --list'" : "one of \(names.joined(separator: ", "))"
    }
}
