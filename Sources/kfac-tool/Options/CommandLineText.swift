/// The arguments of the process as the system gave them.
enum CommandLineText {
    /// Refuses arguments that are no text: a path would be taken for another one.
    static func check() throws {
        for index in 1..<max(1, Int(CommandLine.argc)) {
            guard let argument = CommandLine.unsafeArgv[index], String(validatingCString: argument) == nil else {
                continue
            }
            throw ToolError(
                "the argument \(String(cString: argument)) is not in UTF-8: give files and folders names in UTF-8")
        }
    }
}
