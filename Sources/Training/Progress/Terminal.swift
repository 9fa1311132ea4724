import Foundation

/// Where text for people goes, and what it can do.
public struct Terminal {
    /// Writes text.
    public var write: (String) -> Void
    /// The width in characters, asked for at each use as windows change; nil where lines cannot be redrawn.
    public var width: () -> Int?
    /// Whether text may be coloured.
    public var usesColor: Bool

    /// Creates a terminal.
    public init(write: @escaping (String) -> Void, width: @escaping () -> Int? = { nil }, usesColor: Bool = false) {
        self.write = write
        self.width = width
        self.usesColor = usesColor
    }

    /// The standard output: redrawn where it is a terminal that can be, coloured where `NO_COLOR` does not object.
    public static func standardOutput() -> Terminal { Terminal(.standardOutput) }

    /// The standard error output, in the same way: for what is of the moment beside a result on the standard output.
    public static func standardError() -> Terminal { Terminal(.standardError) }

    private init(_ file: FileHandle) {
        let environment = ProcessInfo.processInfo.environment
        let isTerminal = isatty(file.fileDescriptor) == 1
        // "dumb" is what terminals are called that know no control sequences.
        let isCapable = isTerminal && environment["TERM"] != "dumb"
        self.init(
            // Where it cannot be written, to a full disk say, the run goes on.
            write: { try? file.write(contentsOf: Data($0.utf8)) },
            width: { isCapable ? Self.windowWidth(file.fileDescriptor) : nil },
            usesColor: isCapable && (environment["NO_COLOR"] ?? "").isEmpty)
    }

    private static func windowWidth(_ descriptor: Int32) -> Int {
        var size = winsize()
        guard ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else { return 80 }
        return Int(size.ws_col)
    }

    /// The styles that reports use.
    enum Style: String {
        case bold = "1"
        case green = "32"
        case yellow = "33"
    }

    /// The text in a style, where the terminal has colours.
    func styled(_ text: String, _ style: Style) -> String {
        usesColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
    }
}
