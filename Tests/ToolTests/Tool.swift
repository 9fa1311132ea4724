import Foundation
import TestSupport

/// The built command `kfac`.
enum Tool {
    /// What a run of the command came to.
    struct Result {
        /// The exit status; 128 + the signal's number where a signal ended it.
        let status: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
    }

    /// The program lies beside the tests' own.
    static let path = Bundle.main.executableURL!.deletingLastPathComponent().appendingPathComponent("kfac").path

    /// Runs the command until it ends.
    static func run(
        _ arguments: [String], in folder: TemporaryFolder, program: String = path,
        environment: [String: String] = [:], terminal: FileHandle? = nil,
        whileRunning: (Running) throws -> Void = { _ in }
    ) throws -> Result {
        let running = try Running(
            arguments, folder: folder, program: program, environment: environment, terminal: terminal)
        do { try whileRunning(running) } catch {
            kill(running.identifier, SIGKILL)
            throw error
        }
        return try running.result()
    }

    /// A run of the command that has not ended yet.
    final class Running {
        private let process = Process()
        private let outputs = TemporaryFolder()

        fileprivate init(
            _ arguments: [String], folder: TemporaryFolder, program: String, environment changes: [String: String],
            terminal: FileHandle?
        ) throws {
            var environment = ProcessInfo.processInfo.environment
            // The layout of help depends on it.
            environment["COLUMNS"] = "100"
            // Several commands run at a time: threads that wait for each other should not keep the cores busy.
            environment["OMP_NUM_THREADS"] = "1"
            environment["OMP_WAIT_POLICY"] = "passive"
            environment.merge(changes) { $1 }
            process.executableURL = URL(fileURLWithPath: program)
            process.arguments = arguments
            process.environment = environment
            process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
            process.standardInput = FileHandle.nullDevice
            // Files, because nobody needs to empty them while the command runs.
            let output = try FileHandle(forWritingTo: URL(fileURLWithPath: outputs.write([], to: "out")))
            process.standardOutput = terminal ?? output
            process.standardError = try FileHandle(forWritingTo: URL(fileURLWithPath: outputs.write([], to: "err")))
            try process.run()
        }

        var identifier: Int32 { process.processIdentifier }
        var isRunning: Bool { process.isRunning }

        /// Waits for the end.
        ///
        /// It blocks a thread, which keeps the number of commands that run at a time small.
        func result() throws -> Result {
            process.waitUntilExit()
            let code = process.terminationStatus
            return Result(
                status: process.terminationReason == .uncaughtSignal ? 128 + code : code,
                output: try String(contentsOfFile: outputs("out"), encoding: .utf8),
                errors: try String(contentsOfFile: outputs("err"), encoding: .utf8))
        }
    }
}

/// One line of `metrics.jsonl`.
struct Metric: Decodable {
    struct Score: Decodable {
        let examples: Int
        let loss: Double
        let accuracy: Double?
        let error: Double?
    }

    struct Outcome: Decodable {
        let status: String
        let signal: Int?
        let reason: String?
    }

    let event: String
    let problem: String?
    let errorName: String?
    let examples: Int?
    let epoch: Int?
    let step: Int?
    let steps: Int?
    let loss: Double?
    let learningRate: Double?
    let damping: Double?
    let refreshedInverses: Int?
    let score: Score?
    let outcome: Outcome?

    /// Reads all lines of a file.
    static func read(_ path: String) throws -> [Metric] {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        return try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").map {
            try decoder.decode(Metric.self, from: Data($0.utf8))
        }
    }
}
