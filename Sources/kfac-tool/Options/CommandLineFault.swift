import Foundation

/// What of a process's surroundings no command can work with.
enum CommandLineFault {
    /// Refuses arguments that are no text: a path would be taken for another one.
    static func refuseWhatIsNoText() throws {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else { continue }
            throw ToolError(
                "the argument \(String(cString: argument)) is not in UTF-8: give files and folders names in UTF-8")
        }
    }

    /// Refuses to work where the current folder was removed: libtorch ends a process there.
    static func refuseMissingFolder() throws {
        guard let path = getcwd(nil, 0) else {
            throw ToolError(
                "the current folder cannot be found: \(String(cString: strerror(errno))): change to a folder that exists")
        }
        free(path)
    }
}
