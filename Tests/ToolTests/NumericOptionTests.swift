import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import kfac_tool

/// Every option that takes a number, with numbers that it cannot be: one sentence, or a run that ends, never a trap.
@Suite struct NumericOptionTests {
    /// An option, and what it needs beside it.
    struct Option: Sendable {
        let name: String
        var with: [String] = []
        /// Whether a run with the greatest number allowed ends soon.
        var isQuick = true
    }

    static let train = [
        Option(name: "train-limit", isQuick: false), Option(name: "learning-rate"), Option(name: "momentum"),
        Option(name: "weight-decay", with: ["--optimizer", "adamw"]), Option(name: "inverse-period"),
        Option(name: "damping"), Option(name: "damping-interval", with: ["--damping-rule", "adaptive"]),
        Option(name: "damping-decay", with: ["--damping-rule", "adaptive"]),
        Option(name: "minimum-damping", with: ["--damping-rule", "adaptive"]), Option(name: "norm-constraint"),
        Option(name: "statistics-period"), Option(name: "statistics-fraction"),
        Option(name: "model-fraction", with: ["--step-rule", "quadratic-model"]),
        Option(name: "staleness", with: ["--inverse-schedule", "when-stale"]), Option(name: "burn-in"),
        Option(name: "l2"), Option(name: "epochs", isQuick: false), Option(name: "steps", isQuick: false),
        Option(name: "batch-size"), Option(name: "batch-growth"), Option(name: "test-period"),
        Option(name: "test-limit"), Option(name: "average"), Option(name: "seed"),
        Option(name: "checkpoint-interval"), Option(name: "checkpoint-period"), Option(name: "keep-checkpoints"),
        Option(name: "threads", isQuick: false),
    ]

    static let compare = [
        "train-limit", "steps", "seeds", "trials", "tuning-steps", "tuning-seed", "batch-size", "batch-growth",
        "test-period", "test-limit", "average", "target", "threads",
    ].map { Option(name: $0) }

    static let bench = ["repeats", "threads"].map { Option(name: $0) }

    /// Options that take no number.
    static let others: [String: Set<String>] = [
        "train": [
            "problem", "data", "augment", "initialization", "optimizer", "learning-rate-schedule", "nesterov", "guards",
            "no-guards", "step-rule", "damping-rule", "damping-split", "estimation", "inverse-schedule",
            "initial-weights", "output", "quiet", "resume", "no-checkpoints", "device", "version", "help",
        ],
        "compare": [
            "problem", "data", "augment", "initialization", "method", "search", "learning-rate-schedule", "metric",
            "output", "quiet", "device", "version", "help",
        ],
        "bench": ["case", "quick", "list", "scaling", "json", "csv", "page", "version", "help"],
    ]

    static let values = ["0", "-1", "-0.1", "1e20", "1e308", "nan", "inf", "", "text", "-text", "1e400", "-1e-400"]

    /// The names of the options of a command, as it tells them.
    private static func names(of command: String) throws -> Set<String> {
        struct Help: Decodable {
            struct Command: Decodable {
                struct Argument: Decodable {
                    struct Name: Decodable { let kind: String, name: String }
                    let names: [Name]?
                }
                let commandName: String
                let subcommands: [Command]?
                let arguments: [Argument]?
            }
            let command: Command
        }
        let help = try JSONDecoder().decode(Help.self, from: Data(KFACTool._dumpHelp().utf8))
        let own = try #require(help.command.subcommands?.first { $0.commandName == command })
        return Set((own.arguments ?? []).flatMap { $0.names ?? [] }.filter { $0.kind == "long" }.map(\.name))
    }

    @Test(arguments: [("train", train), ("compare", compare), ("bench", bench)])
    func noOptionIsForgotten(command: String, options: [Option]) throws {
        #expect(try Self.names(of: command) == Set(options.map(\.name)).union(Self.others[command]!))
    }

    /// What is said of a command line, and the exit status; nil where it is understood.
    private static func refusal(of arguments: [String]) -> (message: String, status: Int32)? {
        do {
            _ = try KFACTool.parseAsRoot(arguments)
            return nil
        } catch {
            return (KFACTool.message(for: error), KFACTool.exitCode(for: error).rawValue)
        }
    }

    @Test(arguments: [("train", train), ("compare", compare), ("bench", bench)])
    func numbersOutOfBoundsAreToldInOneSentence(command: String, options: [Option]) {
        for option in options {
            for value in Self.values {
                // As a word of its own and behind "=": both are one.
                for words in [["--\(option.name)", value], ["--\(option.name)=\(value)"]] {
                    guard let (message, status) = Self.refusal(of: [command] + option.with + words) else { continue }
                    #expect(status == 64, "\(words)")
                    #expect(message.hasPrefix("The value '\(value)' is invalid for '--\(option.name) <"), "\(message)")
                    #expect(message.contains(">': it must be "), "\(message)")
                    #expect(message.hasSuffix(".") && !message.contains("\n"), "\(message)")
                }
            }
            #expect(Self.refusal(of: [command] + option.with + ["--\(option.name)", "text"]) != nil, "\(option.name)")
            #expect(Self.refusal(of: [command] + option.with + ["--\(option.name)", "nan"]) != nil, "\(option.name)")
            let takesNegative = option.name == "target"
            #expect((Self.refusal(of: [command, "--\(option.name)", "-1"]) == nil) == takesNegative, "\(option.name)")
        }
    }

    static let sentences: [([String], String)] = [
        (
            ["train", "--damping", "-0.1"],
            "The value '-0.1' is invalid for '--damping <damping>': it must be positive and finite."
        ),
        (
            ["train", "--learning-rate", "inf"],
            "The value 'inf' is invalid for '--learning-rate <rate>': it must be positive and finite."
        ),
        (
            ["train", "--checkpoint-interval", "1e20"],
            "The value '1e20' is invalid for '--checkpoint-interval <minutes>': it must be positive and at most 1000000."
        ),
        (
            ["bench", "--repeats", "-1"],
            "The value '-1' is invalid for '--repeats <count>': it must be a whole number from 1 to 1000."
        ),
        (
            ["compare", "--tuning-seed", "-1"],
            "The value '-1' is invalid for '--tuning-seed <seed>': it must be a whole number from 0 to \(UInt64.max)."
        ),
    ]

    @Test(arguments: sentences.indices) func sentencesNameOptionValueAndBounds(index: Int) {
        let refusal = Self.refusal(of: Self.sentences[index].0)
        #expect(refusal?.message == Self.sentences[index].1)
        #expect(refusal?.status == 64)
    }

    /// What is understood is also carried out, to the ends of the bounds: in another process, which must not trap.
    @Test func whatIsUnderstoodEndsWell() async {
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            let base = [
                "--problem", "poisson", "--train-limit", "6", "--batch-size", "3", "--test-limit", "3", "--steps", "2",
                "--quiet", "--output",
            ]
            let ends = [
                "1", "1000", "1000000", "1000000000", "\(UInt64.max)", "1e-308", "\(Double.greatestFiniteMagnitude)",
            ]
            for option in Self.train where option.isQuick {
                for (number, value) in (Self.values + ends).enumerated() {
                    let arguments =
                        base + [folder("\(option.name)-\(number)")] + option.with + ["--\(option.name)=\(value)"]
                    guard let command = try? Train.parse(arguments) else { continue }
                    // Steps may all be rejected; that is an error in words.
                    do { try command.train(arguments: arguments) } catch {
                        let message = KFACTool.message(for: error)
                        precondition(message.count > 10 && !message.contains("\n"), "\(arguments): \(message)")
                    }
                }
            }
        }
    }
}
