import Foundation
import TestSupport
import Testing

@Suite struct CompareTests {
    let folder = TemporaryFolder()

    init() throws { try folder.writeImages(training: 40, test: 10) }

    /// A comparison of two methods, two seeds and two trials on the folder's images.
    private func compare(
        _ arguments: [String] = [], output: String = "out", whileRunning: (Tool.Running) throws -> Void = { _ in }
    ) throws -> Tool.Result {
        try Tool.run(
            Self.arguments + ["--output", output] + arguments, in: folder, whileRunning: whileRunning)
    }

    private static let arguments = [
        "compare", "--data", ".", "--method", "sgd", "--method", "kfac", "--seeds", "2", "--trials", "2", "--steps",
        "4",
        "--tuning-steps", "3", "--test-period", "2", "--batch-size", "16", "--threads", "1", "--target", "best:sgd",
        "--metric", "test-loss",
    ]

    private func text(_ name: String) throws -> String { try String(contentsOfFile: folder(name), encoding: .utf8) }

    /// The fields of a run's file, without the times.
    private func fields(_ name: String) throws -> [[String]] {
        try text(name).split(separator: "\n").map { line in
            let fields = line.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
            return Array(fields[..<2] + fields[4...])
        }
    }

    /// The names of all files of a comparison.
    private func files(_ name: String = "out") -> Set<String> {
        let paths = FileManager.default.enumerator(atPath: folder(name))?.compactMap { $0 as? String } ?? []
        return Set(paths.filter { $0.contains(".") })
    }

    private static let allFiles: Set = Set(
        ["sgd", "kfac"].flatMap { method in
            ["tune-1", "tune-2", "seed-1", "seed-2"].map { "runs/\(method)/\($0).csv" }
        } + ["plan.json", "machines.json", "choices.json", "tuning.csv", "summary.csv", "report.html"])

    @Test func compares() throws {
        let result = try compare()
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")
        let opening = ": 104202 parameters, 40 training examples, 10 test examples"
        #expect(result.lines.first?.hasSuffix(opening) == true)
        #expect(result.lines.contains("4 trials of 3 steps, then 4 runs of 4 steps"))
        #expect(result.lines.contains("completed: 8 of 8 runs"))
        #expect(result.lines.last == "report: out/report.html")
        #expect(files() == Self.allFiles)
        #expect(try fields("out/runs/kfac/seed-2.csv").map(\.first) == ["step", "0", "2", "4"])
        // Both methods begin with the same parameters, and with others for each seed.
        let starts = try ["sgd/seed-1", "kfac/seed-1", "sgd/seed-2"].map { try fields("out/runs/\($0).csv")[1] }
        #expect(starts[0] == starts[1] && starts[0] != starts[2])
        #expect(try text("out/summary.csv").split(separator: "\n").count == 3)
        #expect(try text("out/tuning.csv").split(separator: "\n").count == 5)
        let page = try text("out/report.html")
        #expect(page.contains("Complete: 8 runs.") && page.contains("</html>"))
        #expect(!page.contains("http"))
    }

    /// Twice, by different signals.
    @Test func anInterruptedComparisonIsContinued() throws {
        let whole = try compare(output: "whole")
        #expect(whole.status == 0)
        for (signal, file) in [(SIGINT, "runs/sgd/tune-1.csv"), (SIGTERM, "runs/kfac/tune-1.csv")] {
            let result = try compare { running in
                // Once this run is over.
                while running.isRunning, !files().contains(file) { Thread.sleep(forTimeInterval: 0.002) }
                kill(running.identifier, signal)
            }
            #expect(result.status == 128 + signal)
            #expect(result.errors == "")
            #expect(result.lines.contains { $0.wholeMatch(of: /interrupted: [1-7] of 8 runs/) != nil })
            #expect(result.lines.suffix(2).first == "report: out/report.html")
            #expect(result.lines.last?.hasPrefix("to continue: kfac compare --data . --method sgd ") == true)
            #expect(result.lines.last?.hasSuffix(" --output out") == true)
            #expect(try text("out/report.html").contains("Not complete: "))
            #expect(!files().contains { $0.hasSuffix(".partial") })
        }

        let continued = try compare()
        #expect(continued.status == 0, "\(continued.errors)")
        #expect(continued.lines.contains { $0.hasPrefix("continued: ") })
        #expect(continued.lines.contains("completed: 8 of 8 runs"))
        #expect(files() == Self.allFiles)
        for file in Self.allFiles where file.hasPrefix("runs/") {
            #expect(try fields("out/\(file)") == fields("whole/\(file)"), "\(file)")
        }
        for file in ["plan.json", "choices.json", "tuning.csv"] {
            #expect(try text("out/\(file)") == text("whole/\(file)"))
        }
    }

    @Test func anotherPlanIsRefused() throws {
        let fixed = ["--search", "kfac.step-rule=fixed"]
        #expect(try compare(fixed + ["--search", "kfac.damping=0.1"]).status == 0)
        let result = try compare(fixed + ["--search", "kfac.damping=0.2"])
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors
                == "Error: out holds a comparison of another plan (method kfac: kfac: learning-rate 0.01:1.0; damping 0.1; "
                + "step-rule fixed; learning-rate-schedule linear there, kfac: learning-rate 0.01:1.0; damping 0.2; "
                + "step-rule fixed; learning-rate-schedule linear now): continue it with the options it was begun with, or give another folder for the output\n"
        )
    }

    /// The content decides which data they are, not the name of their folder.
    @Test func dataInARenamedFolderAreTheSame() throws {
        try FileManager.default.createDirectory(atPath: folder("before"), withIntermediateDirectories: false)
        for name in folder.names where name.hasSuffix("ubyte") {
            try FileManager.default.moveItem(atPath: folder(name), toPath: folder("before/\(name)"))
        }
        #expect(try compare(["--data", "before"]).status == 0)
        let plan = try text("out/plan.json")
        try FileManager.default.moveItem(atPath: folder("before"), toPath: folder("after"))
        try FileManager.default.removeItem(atPath: folder("out/runs/sgd/seed-2.csv"))
        let result = try compare(["--data", "after"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.contains { $0.hasPrefix("continued: ") })
        #expect(try text("out/plan.json") == plan)
        #expect(files() == Self.allFiles)

        // Other labels.
        let file = "after/train-labels-idx1-ubyte"
        var bytes = try Data(contentsOf: URL(fileURLWithPath: folder(file)))
        bytes[8] = bytes[8] == 0 ? 1 : 0
        try folder.write(bytes, to: file)
        let other = try compare(["--data", "after"])
        #expect(other.status == 1)
        #expect(other.errors.hasPrefix("Error: the data of fashion-mnist-cnn on after are not"), "\(other.errors)")
    }

    @Test func aFolderOfATrainedModelIsRefused() throws {
        try FileManager.default.createDirectory(atPath: folder("out"), withIntermediateDirectories: false)
        try folder.write([], to: "out/config.json")
        let result = try compare()
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: out holds config.json, but no comparison to continue: give another folder for the output\n")
        #expect(files() == ["config.json"])
    }

    /// Arguments, and what is said of them.
    static let badArguments: [(arguments: [String], message: String)] = [
        (["--method", "sgd"], "--method sgd is given twice: give one of them another label."),
        (
            ["--method", "x=newton"],
            "--method x=newton: there is no optimizer of that name; there are kfac, sgd, adam, adamw, shampoo, soap, "
                + "kl-shampoo, kl-soap, muon."
        ),
        (
            ["--method", "a/b=sgd"],
            "--method a/b=sgd: a label has 1 to 40 letters, digits, '-', '_' and '.', the first a letter or digit."
        ),
        (["--search", "sgd"], "--search needs METHOD.OPTION=VALUES; sgd was given."),
        (
            ["--search", "adam.learning-rate=1"],
            "--search adam.learning-rate=1 is for a method that takes no part; the methods are sgd, kfac."
        ),
        (
            ["--search", "sgd.momentum=0:1"],
            "--search sgd.momentum=0:1 has no values: LOW:HIGH needs two positive numbers, the lower one first, and a "
                + "list needs values separated by commas."
        ),
        (
            ["--search", "sgd.damping=1"],
            "--search sgd.damping=1: --damping is for --optimizer kfac only; the optimizer is sgd."
        ),
        (
            ["--search", "sgd.momentum=0.5,2"],
            "--search sgd.momentum=0.5,2: The value '2' is invalid for '--momentum <momentum>': it must be at least 0 and "
                + "below 1."
        ),
        (
            ["--search", "sgd.momentum=0.5", "--search", "sgd.momentum=0.6"], "--search sgd.momentum is given twice."
        ),
        (
            ["--search", "sgd.optimizer=adam"],
            "--search sgd.optimizer=adam changes the optimizer: give it by --method LABEL=OPTIMIZER."
        ),
        (
            ["--target", "best:adam"],
            "--target best:adam is for a method that takes no part; the methods are sgd, kfac."
        ),
        (["--target", "best:sgd"], "--target best:sgd is given twice."),
        (
            ["--target", "low"],
            "The value 'low' is invalid for '--target <target>': it must be a finite number, or best:METHOD with a method's label."
        ),
        (
            ["--seeds", "0"],
            "The value '0' is invalid for '--seeds <count>': it must be a whole number from 1 to 10000."
        ),
        (
            ["--trials", "0"],
            "The value '0' is invalid for '--trials <count>': it must be a whole number from 1 to 10000."
        ),
        (
            ["--steps", "0"],
            "The value '0' is invalid for '--steps <count>': it must be a whole number from 1 to 1000000000."
        ),
        (
            ["--threads", "0"],
            "The value '0' is invalid for '--threads <count>': it must be a whole number from 1 to 1024."
        ),
        (["--output", ""], "--output needs the path of a folder; an empty text was given."),
    ]

    @Test(arguments: badArguments.indices)
    func badArgumentsAreTold(index: Int) {
        let (arguments, message) = Self.badArguments[index]
        Tool.expectBadUsage(Self.arguments + ["--output", "out"] + arguments, message)
    }

    @Test(arguments: [
        (["--metric", "test-error"], "has no test error: use another --metric, --metric test-loss for one"),
        (
            ["--metric", "test-accuracy", "--target", "90"],
            "the target 90.0 is no accuracy: give a share from 0 to 1, 0.9 for 90 %"
        ),
    ])
    func metricsThatDoNotFitAreTold(arguments: [String], message: String) throws {
        let result = try compare(arguments)
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("Error: ") && result.errors.hasSuffix("\(message)\n"))
        #expect(result.errors.split(separator: "\n").count == 1)
        #expect(files().isEmpty)
    }

    @Test func flagsAndLabelsMakeMethods() throws {
        let result = try compare([
            "--method", "nesterov=sgd", "--search", "nesterov.nesterov=on", "--search", "nesterov.learning-rate=0.01",
            "--method", "plain=sgd", "--search", "plain.nesterov=off", "--search", "plain.learning-rate=0.01",
        ])
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.lines.contains("nesterov: sgd: learning-rate 0.01; nesterov on; learning-rate-schedule linear"))
        #expect(try fields("out/runs/nesterov/seed-1.csv")[1] == fields("out/runs/plain/seed-1.csv")[1])
        #expect(try fields("out/runs/nesterov/seed-1.csv") != fields("out/runs/plain/seed-1.csv"))
        #expect(!files().contains("runs/nesterov/tune-1.csv"))
    }

    /// Forms of one method are compared under labels; a step rule brings its own search.
    @Test func stepRulesAreComparedUnderLabels() throws {
        let result = try compare([
            "--method", "grafted=kfac", "--search", "grafted.step-rule=grafted", "--method", "ahead=soap",
            "--search", "ahead.nesterov=on",
        ])
        #expect(result.status == 0, "\(result.errors)")
        let line =
            "grafted: kfac: learning-rate 0.001:0.02; damping 0.01:1.0; step-rule grafted; learning-rate-schedule linear"
        #expect(result.lines.contains(line))
        #expect(try fields("out/runs/grafted/seed-1.csv")[1] == fields("out/runs/kfac/seed-1.csv")[1])
        #expect(try fields("out/runs/grafted/seed-1.csv") != fields("out/runs/kfac/seed-1.csv"))
    }

    /// The seed and the settings are all that a run depends on, so `kfac train` repeats it.
    @Test func aRunIsThatOfTheTrainer() throws {
        let settings = ["--search", "kfac.step-rule=fixed", "--search", "kfac.learning-rate=0.05"]
        #expect(try compare(settings + ["--search", "kfac.damping=0.2"]).status == 0)
        let result = try Tool.run(
            [
                "train", "--data", ".", "--optimizer", "kfac", "--step-rule", "fixed", "--learning-rate", "0.05",
                "--damping", "0.2", "--steps", "4", "--seed", "2", "--test-period", "2", "--batch-size", "16",
                "--threads", "1", "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let losses = try Metric.read(folder("run/metrics.jsonl")).filter { $0.event == "evaluation" }.map {
            $0.score?.loss
        }
        let lines = try fields("out/runs/kfac/seed-2.csv")
        let column = try #require(lines[0].firstIndex(of: "test_loss"))
        #expect(losses.count == 2)
        #expect(losses == lines[2...].map { Double($0[column]) })
    }

    /// A quadratic model finds the learning rate itself, and the reconstruction's error is what is compared.
    @Test func theAutoencoderComparesErrorsAndHasNoRateToSearch() throws {
        let result = try Tool.run(
            [
                "compare", "--problem", "fashion-mnist-autoencoder", "--data", ".", "--method", "kfac", "--method",
                "adam", "--seeds", "1", "--trials", "1", "--steps", "2", "--batch-size", "20", "--test-period", "1",
                "--threads", "1", "--target", "20", "--output", "out",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let kfac = "kfac: kfac: damping 0.1:10.0; minimum-damping 0.001:0.1; learning-rate-schedule constant"
        #expect(result.lines.contains(kfac))
        #expect(result.lines.contains { $0.hasPrefix("kfac: test error ") })
        let lines = try fields("out/runs/kfac/seed-1.csv")
        #expect(lines.count == 4)
        #expect(lines[1...].allSatisfy { Double($0[4]) != nil && $0[5] == "" })
    }
}
