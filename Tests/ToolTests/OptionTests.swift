import ArgumentParser
import Foundation
import Testing

@testable import kfac_tool

/// Options with values that nobody means: all of them are understood or refused with a sentence.
@Suite struct OptionTests {
    /// Numbers that are none, or more than anybody needs.
    static let values = [
        "", "0", "-0", "-1", "+1", "1", "2", "1.5", "1e3", "0x10", "0x1p-3", "1e400", "-1e400", "1e-400", "nan", "-nan",
        "inf",
        "-inf", "infinity", "١٢", "²", "1_000", " 1", "1 ", "1,5", "9223372036854775807", "9223372036854775808",
        "-9223372036854775808", "18446744073709551615", "18446744073709551616", String(repeating: "9", count: 5000),
        "on",
        "off", "\u{0}", "e\u{301}", "\u{1f986}", "--help", "-h", "=", "a=b", "kfac", "adam=adam", "x=kfac", "=kfac",
        "x=",
        "kfac.damping=1:2", "kfac.damping=2:1", "kfac.damping=nan:1", "kfac.damping=1e-320:1e300", "kfac.damping=1,,2",
        "kfac.help=on", "kfac.version=on", "kfac.optimizer=sgd", "kfac.steps=1", "kfac.=1", ".damping=1",
        "kfac.nesterov=on",
        "kfac.damping=off", "kfac.damping=on", "kfac.l2=-1", "kfac.l2=--damping=1", "sgd.momentum=0:1", "best:",
        "best:kfac",
        "best:x", "cpu", "cuda", "cuda:", "cuda:-1", "cuda:99999999999999999999", "fashion-mnist-rows", "resnet20",
        "poisson",
        "step/", "input-factor/0x0x0x0", "input-factor/65536x65536x65536x65536", "inverse/65537",
        String(repeating: "x/", count: 9999),
    ]

    /// Commands, how many of their command lines are tried (each of a comparison takes many others apart), and options.
    static let options: [(command: String, lines: Int, names: [String])] = [
        (
            "train", 20,
            [
                "problem", "data", "train-limit", "augment", "initialization", "optimizer", "learning-rate",
                "learning-rate-schedule", "momentum", "nesterov", "weight-decay", "inverse-period", "step-rule",
                "cautious", "damping",
                "damping-rule", "damping-interval", "damping-decay", "minimum-damping", "damping-split", "eigenvalues",
                "norm-constraint",
                "estimation", "statistics-period", "statistics-fraction", "model-fraction", "inverse-schedule",
                "staleness",
                "burn-in", "dimension-limit", "l2", "epochs", "steps", "batch-size", "batch-growth", "test-period",
                "test-limit",
                "average",
                "seed", "output", "quiet", "device", "threads",
            ]
        ),
        (
            "compare", 2,
            [
                "problem", "data", "train-limit", "method", "search", "learning-rate-schedule", "steps", "seeds",
                "trials",
                "tuning-steps", "tuning-seed", "batch-size", "batch-growth", "test-period", "test-limit", "average",
                "metric",
                "target", "output", "device", "threads",
            ]
        ),
        ("bench", 25, ["case", "repeats", "threads", "quick", "list", "scaling", "json", "csv", "page"]),
    ]

    /// Several options at a time, as they come.
    @Test(arguments: options.map(\.command)) func valuesAreUnderstoodOrRefused(command: String) async {
        await #expect(processExitsWith: .success) { [command = command as String] in
            let (_, lines, names) = Self.options.first { $0.command == command }!
            var state: UInt64 = 1
            func below(_ bound: Int) -> Int {
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return Int(state >> 33) % bound
            }
            for _ in 0..<lines {
                var arguments = [command]
                for _ in 0..<1 + below(2) * below(5) {
                    let (name, value) = (names[below(names.count)], Self.values[below(Self.values.count)])
                    switch below(4) {
                    case 0: arguments += ["--\(name)", value]
                    case 1 where below(4) == 0: arguments.append("--\(name)")
                    default: arguments.append("--\(name)=\(value)")
                    }
                }
                precondition(
                    Tool.refusal(of: arguments)?.message != "", "nothing is said of \(arguments)")
            }
        }
    }

    @Test(arguments: ["kfac.damping=1e-320:1e300", "kfac.l2=--damping=1", "x\0.y=1"])
    func whatCannotBeSearchedIsTold(search: String) throws {
        let refusal = try #require(Tool.refusal(of: ["compare", "--method", "kfac", "--search", search]))
        #expect(refusal.message.hasPrefix("--search "))
    }

    /// A text that asks for help or for another command line is no value of an option of a method.
    @Test(arguments: ["kfac.help=on", "kfac.version=on"])
    func helpIsNoOptionOfAMethod(search: String) throws {
        let refusal = try #require(Tool.refusal(of: ["compare", "--method", "kfac", "--search", search]))
        #expect(refusal.message.hasPrefix("--search \(search): "))
        #expect(!refusal.message.contains("\n"))
    }
}
