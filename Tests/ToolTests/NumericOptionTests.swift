import ArgumentParser
import Foundation
import TestSupport
import Testing

@testable import kfac_tool

/// Every option that takes a number, with numbers that it cannot be: one sentence, or a run that ends, never a trap.
@Suite struct NumericOptionTests {
    /// The options that take numbers, by command and group.
    static let groups: [(command: String, group: any ParsableArguments.Type, names: [String])] = [
        ("train", ProblemOptions.self, ["train-limit"]),
        (
            "train", OptimizerOptions.self,
            [
                "learning-rate", "momentum", "weight-decay", "inverse-period", "damping", "damping-interval",
                "damping-decay", "minimum-damping", "norm-constraint", "statistics-period", "statistics-fraction",
                "model-fraction", "staleness", "burn-in", "dimension-limit", "l2",
            ]
        ),
        (
            "train", RunOptions.self,
            ["epochs", "steps", "batch-size", "batch-growth", "test-period", "test-limit", "average", "seed"]
        ),
        ("train", CheckpointOptions.self, ["checkpoint-interval", "checkpoint-period", "keep-checkpoints"]),
        ("train", MachineOptions.self, ["threads"]), ("compare", ProblemOptions.self, ["train-limit"]),
        (
            "compare", ComparisonRunOptions.self,
            [
                "steps", "seeds", "trials", "tuning-steps", "tuning-seed", "batch-size", "batch-growth", "test-period",
                "test-limit", "average", "target",
            ]
        ),
        ("compare", MachineOptions.self, ["threads"]), ("bench", Bench.self, ["repeats", "threads"]),
    ]

    static let train = groups.filter { $0.command == "train" }.flatMap(\.names)

    /// Options of `kfac train` at the ends of their bounds, several in a run where they do not get in each other's way.
    static let ends = [
        "--step-rule=fixed --learning-rate=1e308",
        "--step-rule=fixed --learning-rate=1e-308 --momentum=0.9999999 --average=0",
        "--step-rule=fixed --damping-rule=fixed --damping=1e308",
        "--step-rule=fixed --damping-rule=fixed --damping=1e-308 --momentum=0",
        "--step-rule=fixed --norm-constraint=1e308 --seed=\(UInt64.max)",
        "--step-rule=fixed --norm-constraint=1e-308 --burn-in=0 --checkpoint-interval=1e-308",
        "--burn-in=1 --inverse-period=1000000",
        "--optimizer=adamw --weight-decay=0 --test-period=1000000000 --checkpoint-period=1000000000",
        "--optimizer=adamw --weight-decay=1000000 --average=0.9999999 --keep-checkpoints=1000000",
        "--step-rule=fixed --damping-rule=adaptive --damping-interval=1 --damping-decay=1e-308",
        "--step-rule=fixed --damping-rule=adaptive --damping-interval=1000000 --minimum-damping=1e308 --damping=1e308",
        "--statistics-fraction=1e-308 --checkpoint-interval=1000000", "--statistics-period=1000000",
        "--step-rule=quadratic-model --model-fraction=1e-308",
        "--step-rule=eigenbasis-moments --momentum=0.9999999", "--step-rule=eigenbasis-moments --learning-rate=1e308",
        "--step-rule=fixed --inverse-schedule=when-stale --staleness=0",
        "--step-rule=fixed --inverse-schedule=when-stale --staleness=1e308",
        "--inverse-schedule=round-robin --inverse-period=1000000",
        "--inverse-schedule=background --inverse-period=1000000", "--dimension-limit=1 --batch-growth=1000000",
        "--dimension-limit=\(Int.max) --batch-size=1000000000", "--l2=1000000 --test-limit=1000000000",
    ].map { $0.split(separator: " ").map(String.init) }

    /// Options that take no number.
    static let others: [String: Set<String>] = [
        "train": [
            "problem", "data", "augment", "initialization", "layout", "precision", "optimizer",
            "learning-rate-schedule",
            "nesterov", "guards",
            "no-guards", "step-rule", "cautious", "damping-rule", "damping-split", "eigenvalues", "estimation",
            "inverse-schedule",
            "initial-weights", "output", "quiet", "resume", "no-checkpoints", "device", "products", "version", "help",
        ],
        "compare": [
            "problem", "data", "augment", "initialization", "layout", "precision", "method", "search",
            "learning-rate-schedule",
            "metric",
            "output", "quiet", "device", "products", "version", "help",
        ],
        "bench": ["case", "layout", "precision", "quick", "list", "scaling", "json", "csv", "page", "version", "help"],
    ]

    static let values = ["0", "-1", "-0.1", "1e20", "1e308", "nan", "inf", "", "text"]

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

    @Test(arguments: ["train", "compare", "bench"]) func noOptionIsForgotten(command: String) throws {
        let numeric = Self.groups.filter { $0.command == command }.flatMap(\.names)
        #expect(try Self.names(of: command) == Set(numeric).union(Self.others[command]!))
    }

    @Test(arguments: groups.indices, values) func numbersOutOfBoundsAreToldInOneSentence(index: Int, value: String) {
        let (_, group, names) = Self.groups[index]
        for name in names {
            do {
                _ = try group.parse(["--\(name)", value])
                #expect(Double(value)?.isFinite == true, "\(name) takes \(value)")
                #expect(!value.hasPrefix("-") || name == "target", "\(name) takes \(value)")
            } catch {
                let message = group.message(for: error)
                #expect(message.hasPrefix("The value '\(value)' is invalid for '--\(name) <"), "\(message)")
                #expect(message.contains(">': it must be "), "\(message)")
                #expect(message.hasSuffix(".") && !message.contains("\n"), "\(message)")
            }
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
        // As a word of its own, and behind "=".
        let words = Self.sentences[index].0
        let joined = Array(words.dropLast(2)) + [words.suffix(2).joined(separator: "=")]
        for arguments in index == 0 ? [words, joined] : [words] {
            Tool.expectBadUsage(arguments, Self.sentences[index].1)
        }
    }

    /// All but lengths, which would take long, and threads.
    @Test func eachOptionIsTriedAtItsEnds() {
        let names = Set(Self.ends.joined().map { String($0.dropFirst(2).prefix { $0 != "=" }) })
        #expect(Set(Self.train).subtracting(names) == ["train-limit", "epochs", "steps", "threads"])
    }

    /// What is understood is also carried out, at the ends of the bounds: in another process, which must not trap.
    @Test func whatIsUnderstoodEndsWell() async {
        await #expect(processExitsWith: .success) {
            let folder = TemporaryFolder()
            let base = [
                "--problem", "poisson", "--train-limit", "6", "--batch-size", "3", "--test-limit", "3", "--steps", "2",
                "--quiet", "--output",
            ]
            for (number, options) in Self.ends.enumerated() {
                // Steps may all be rejected; that is an error in words.
                do { try Train.parse(base + [folder("\(number)")] + options).train(arguments: []) } catch {
                    let message = KFACTool.message(for: error)
                    precondition(message.count > 10 && !message.contains("\n"), "\(options): \(message)")
                    precondition(!message.contains("must be"), "\(options): \(message)")
                }
            }
        }
    }
}
