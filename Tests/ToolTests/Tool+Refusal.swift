import ArgumentParser
import Testing

@testable import kfac_tool

/// What the parser says of a command line, asked in the tests' own process.
///
/// Starting the command loads libtorch, which takes much longer than reading a command line.
extension Tool {
    /// Why a command line is not carried out.
    struct Refusal: Equatable {
        let status: Int32
        let message: String
    }

    /// Reads a command line; nil where it is understood.
    static func refusal(of arguments: [String]) -> Refusal? {
        do {
            _ = try KFACTool.parseAsRoot(arguments)
            return nil
        } catch {
            return Refusal(status: KFACTool.exitCode(for: error).rawValue, message: KFACTool.message(for: error))
        }
    }

    /// Expects that a command line is refused as bad usage, with a message.
    static func expectBadUsage(
        _ arguments: [String], _ message: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(refusal(of: arguments) == Refusal(status: 64, message: message), sourceLocation: sourceLocation)
    }
}
