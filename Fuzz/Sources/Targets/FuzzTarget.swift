import Foundation

/// A parser of what others give, as a function of bytes that must come back, whatever they are.
///
/// To have one more parser fuzzed, add it to ``ofLibraries`` and some files to the folder of its name in `Fuzz/Corpus`.
public struct FuzzTarget: Sendable {
    /// What it is called, on the command line and in the corpus.
    public let name: String
    /// The number of inputs that the tests of every change try; fewer where one takes long.
    public let executions: Int
    /// Whether the inputs are texts, whose numbers and brackets are worth changing as such.
    public let isText: Bool
    /// The errors that are refusals: the parser's own.
    let refusals: [any Error.Type]
    /// Brings an input that was changed back into a form that is not refused at once; done to half of them.
    let repair: (@Sendable (inout [UInt8]) -> Void)?
    /// Makes another well-formed input out of one, where bytes that are changed at random are mostly refused at once;
    /// done to three quarters of them.
    let rewrite: (@Sendable (inout [UInt8], inout Chance) -> Void)?
    /// Makes good inputs that a file in the corpus would not stay: those of the format that is written now.
    let makeExamples: @Sendable () throws -> [[UInt8]]
    /// Feeds bytes to the parser.
    let body: @Sendable ([UInt8]) throws -> Void

    package init(
        _ name: String, executions: Int, isText: Bool = false, refusals: [any Error.Type],
        repair: (@Sendable (inout [UInt8]) -> Void)? = nil,
        rewrite: (@Sendable (inout [UInt8], inout Chance) -> Void)? = nil,
        examples: @escaping @Sendable () throws -> [[UInt8]] = { [] },
        body: @escaping @Sendable ([UInt8]) throws -> Void
    ) {
        self.name = name
        self.executions = executions
        self.isText = isText
        self.refusals = refusals
        self.repair = repair
        self.rewrite = rewrite
        makeExamples = examples
        self.body = body
    }

    /// All parsers of the libraries.
    public static let ofLibraries: [FuzzTarget] = files + states + checkpoints + comparisons + [names]

    /// Good inputs besides those of the corpus.
    public func examples() throws -> [[UInt8]] { try makeExamples() }

    /// Feeds bytes to the parser, and tells whether it took them.
    ///
    /// - Throws: ``FuzzFault`` where it threw an error that is not its own or says nothing, or took what it should not.
    public func accepts(_ bytes: [UInt8]) throws -> Bool {
        do {
            try body(bytes)
            return true
        } catch let fault as FuzzFault {
            throw fault
        } catch {
            guard refusals.contains(where: { $0 == type(of: error) }) else {
                throw FuzzFault("\(name): the error \(type(of: error)) is not the parser's own: \(error)")
            }
            guard "\(error)".count > 20 else { throw FuzzFault("\(name): an error says no more than '\(error)'") }
            return false
        }
    }
}

/// What a parser should not have done.
public struct FuzzFault: Error, CustomStringConvertible {
    /// In words.
    public let description: String

    package init(_ description: String) { self.description = description }
}

/// Throws where something does not hold.
package func require(_ condition: Bool, _ description: @autoclosure () -> String) throws {
    guard condition else { throw FuzzFault(description()) }
}

/// A file of this process's own, written anew for each input.
package final class ScratchFile: Sendable {
    package let path: String
    package let folder: String

    package init(_ name: String) {
        folder = FileManager.default.temporaryDirectory.appendingPathComponent("kfac-fuzz-\(UUID().uuidString)").path
        path = "\(folder)/\(name)"
        let parent = URL(fileURLWithPath: path).deletingLastPathComponent()
        try! FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
        Self.removeAtExit(folder)
    }

    /// Writes the file and returns its path.
    package func callAsFunction(_ bytes: [UInt8]) throws -> String {
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        return path
    }

    /// Targets live as long as the process.
    private static func removeAtExit(_ folder: String) {
        folders.append(folder)
        guard folders.count == 1 else { return }
        atexit { for folder in ScratchFile.folders { try? FileManager.default.removeItem(atPath: folder) } }
    }

    // Written while the list of targets is made, which happens once.
    nonisolated(unsafe) private static var folders: [String] = []
}
