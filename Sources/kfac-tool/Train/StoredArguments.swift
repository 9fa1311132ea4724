import Foundation

/// The options of a run as they are stored: what they mean does not depend on the folder that a command is started in.
enum StoredArguments {
    /// The options whose values are paths.
    static let paths = ["--data", "--initial-weights", "--output"]

    /// The options with absolute paths.
    static func absolute(_ arguments: [String]) -> [String] {
        var isPath = false
        return arguments.map { argument in
            defer { isPath = paths.contains(argument) }
            if isPath { return absolute(argument) }
            guard let option = paths.first(where: { argument.hasPrefix("\($0)=") }) else { return argument }
            return "\(option)=\(absolute(String(argument.dropFirst(option.count + 1))))"
        }
    }

    /// The absolute path.
    ///
    /// ".." stays: where what is before it is a link, the two cannot be left out together.
    static func absolute(_ path: String) -> String {
        path.hasPrefix("/") || path.isEmpty ? path : "\(FileManager.default.currentDirectoryPath)/\(path)"
    }
}
