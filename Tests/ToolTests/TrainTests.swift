import Foundation
import TestSupport
import Testing

@Suite struct TrainTests {
    let folder = TemporaryFolder()

    init() throws { try folder.writeImages(training: 50, test: 20) }

    @Test(arguments: ["kfac", "sgd", "adam", "adamw", "shampoo", "soap", "kl-shampoo", "kl-soap", "muon"])
    func trains(optimizer: String) throws {
        let result = try Tool.run(
            [
                "train", "--data", ".", "--optimizer", optimizer, "--epochs", "2", "--batch-size", "16", "--threads",
                "1",
                "--learning-rate", "0.002", "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")

        let metrics = try Metric.read(folder("run/metrics.jsonl"))
        let epoch = ["epoch_start", "step", "step", "step", "step", "evaluation", "epoch_end"]
        let events = metrics.map(\.event)
        #expect(events.filter { $0 != "checkpoint" } == ["run_start"] + epoch + epoch + ["run_end"])
        #expect(events.suffix(2) == ["checkpoint", "run_end"])
        let steps = metrics.filter { $0.event == "step" }
        #expect(steps.map(\.step) == Array(0..<8))
        #expect(steps.map(\.epoch) == [1, 1, 1, 1, 2, 2, 2, 2])
        #expect(steps.allSatisfy { $0.loss! > 0 && $0.loss! < 5 })
        // A straight line to zero over the eight steps.
        #expect(zip(steps, 0..<8).allSatisfy { abs($0.learningRate! - 0.002 * Double(8 - $1) / 8) < 1e-9 })
        // Moments in the eigenbasis have none.
        #expect(steps.allSatisfy { $0.damping == nil })
        // Four layers; SOAP and its kin find a basis for each of the eight parameters in the first step.
        #expect(
            steps[0].refreshedInverses == ["kfac": 4, "soap": 8, "kl-shampoo": 8, "kl-soap": 8][optimizer, default: 0])
        #expect(metrics.filter { $0.event == "evaluation" }.allSatisfy { $0.score!.examples == 20 })
        #expect(metrics.last?.outcome?.status == "completed")

        #expect(
            result.lines.first == "fashion-mnist-cnn on \(folder.name): 50 training examples, 20 test examples")
        #expect(result.lines[1] == "\(optimizer): 104202 parameters, 2 epochs of 4 steps, 16 examples a step")
        #expect(result.lines.contains { $0.hasPrefix("completed: 2 epochs, 8 steps in ") })
        #expect(result.lines.contains { $0.hasPrefix("where the time goes: data ") })
        #expect(result.lines.last == "metrics: run/metrics.jsonl")
    }

    @Test func learnsToTellTheClassesApart() throws {
        let result = try Tool.run(
            [
                "train", "--data", ".", "--optimizer", "adam", "--epochs", "12", "--batch-size", "10", "--quiet",
                "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let score = try #require(Metric.read(folder("run/metrics.jsonl")).last { $0.event == "evaluation" }?.score)
        #expect(try #require(score.accuracy) >= 0.9)
        #expect(result.lines.first?.hasPrefix("completed: 12 epochs, 60 steps in ") == true)
    }

    @Test func settingsAreKept() throws {
        let result = try Tool.run(
            [
                "train", "--data", ".", "--epochs", "1", "--batch-size", "25", "--train-limit", "30", "--seed", "7",
                "--step-rule", "fixed", "--learning-rate", "0.125", "--learning-rate-schedule", "cosine", "--momentum",
                "0.5", "--damping", "0.25",
                "--statistics-period", "2", "--inverse-period", "3", "--threads", "1", "--output", "run",
            ], in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let data = try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json")))
        let config = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(config["problem"] as? String == "fashion-mnist-cnn")
        #expect(config["dataset"] as? String == folder.name)
        #expect(config["training_examples"] as? Int == 30)
        #expect(config["batch_size"] as? Int == 25)
        #expect(config["epochs"] as? Int == 1)
        #expect(config["seed"] as? Int == 7)
        #expect(config["threads"] as? Int == 1)
        #expect(config["device"] as? String == "cpu")
        let optimizer = try #require(config["optimizer"] as? [String: Any])
        #expect(optimizer["method"] as? String == "kfac")
        let rule = try #require((optimizer["rule"] as? [String: Any])?["fixed"] as? [String: Any])
        let momentum = try #require((rule["momentum"] as? [String: Any])?["constant"] as? [String: Any])
        #expect(momentum["_0"] as? Double == 0.5)
        #expect(optimizer["statistics_period"] as? Int == 2)
        let inverses = try #require((optimizer["inverses"] as? [String: Any])?["together"] as? [String: Any])
        #expect(inverses["every"] as? Int == 3)
        let rate = try #require((rule["learning_rate"] as? [String: Any])?["cosine"] as? [String: Any])
        #expect(rate["from"] as? Double == 0.125)
        #expect(rate["to"] as? Double == 0)
        #expect(rate["steps"] as? Int == 2)
    }

    @Test(arguments: [
        ("sgd", ["--nesterov", "--weight-decay", "0.5"], "nesterov", 1.0),
        ("sgd", ["--weight-decay", "0.5"], "weight_decay", 0.5), ("adamw", [], "weight_decay", 0.01),
        ("adam", [], "weight_decay", 0), ("adamw", ["--weight-decay", "0.25"], "weight_decay", 0.25),
        ("shampoo", ["--inverse-period", "7"], "period", 7), ("soap", ["--momentum", "0.5"], "beta1", 0.5),
        ("soap", ["--inverse-period", "7"], "period", 7), ("muon", ["--weight-decay", "0.5"], "weight_decay", 0.5),
    ])
    func settingsReachTheMethods(optimizer: String, options: [String], setting: String, value: Double) throws {
        let result = try Tool.run(
            [
                "train", "--data", ".", "--optimizer", optimizer, "--epochs", "1", "--batch-size", "50", "--output",
                "run",
            ] + options, in: folder)
        #expect(result.status == 0, "\(result.errors)")
        let data = try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json")))
        let config = try #require(JSONSerialization.jsonObject(with: data) as? [String: Any])
        let own = try #require(config["optimizer"] as? [String: Any])
        #expect(own["method"] as? String == optimizer)
        #expect((own[setting] as? NSNumber)?.doubleValue == value)
    }

    @Test func theSameSeedGivesTheSameNumbers() throws {
        func numbers(_ name: String, seed: String) throws -> [String] {
            let result = try Tool.run(
                [
                    "train", "--data", ".", "--epochs", "1", "--batch-size", "16", "--threads", "2",
                    "--learning-rate", "0.002", "--seed", seed, "--output", name,
                ], in: folder)
            #expect(result.status == 0, "\(result.errors)")
            let text = try String(contentsOfFile: folder("\(name)/metrics.jsonl"), encoding: .utf8)
            return text.matches(of: /"(?:loss|accuracy)":[^,}]*/).map { String($0.output) }
        }
        let first = try numbers("first", seed: "3")
        // The loss of 4 steps and of the epoch; the loss and the accuracy of the test, which the summary repeats.
        #expect(first.count == 9)
        #expect(try numbers("second", seed: "3") == first)
        #expect(try numbers("third", seed: "4") != first)
    }

    @Test func runsAreKeptSideBySide() throws {
        for _ in 0..<2 {
            let result = try Tool.run(
                ["train", "--data", ".", "--optimizer", "sgd", "--epochs", "1", "--batch-size", "50"], in: folder)
            #expect(result.status == 0, "\(result.errors)")
        }
        let runs = try FileManager.default.contentsOfDirectory(atPath: folder("runs"))
        #expect(runs.count == 2)
        #expect(runs.allSatisfy { $0.hasPrefix("fashion-mnist-cnn-sgd-") })
    }

    @Test func readsCompressedFiles() throws {
        let gzip = Process()
        gzip.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        gzip.arguments = ["gzip"] + folder.names.map { folder($0) }
        try gzip.run()
        gzip.waitUntilExit()
        #expect(folder.names.allSatisfy { $0.hasSuffix(".gz") })
        let result = try Tool.run(
            ["train", "--data", ".", "--optimizer", "sgd", "--epochs", "1", "--batch-size", "50", "--output", "run"],
            in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.lines.first == "fashion-mnist-cnn on \(folder.name): 50 training examples, 20 test examples")
    }

    @Test func stepsThatAreNotFiniteEndTheRunAndKeepTheMetrics() throws {
        let result = try Tool.run(
            [
                "train", "--data", ".", "--optimizer", "sgd", "--learning-rate", "1e30", "--epochs", "50", "--output",
                "run",
            ], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors.wholeMatch(
                of: /Error: 11 steps in a row were rejected, the last one, step 10, as the update of .*: lower .*\n/)
                != nil)
        let end = try #require(
            String(contentsOfFile: folder("run/metrics.jsonl"), encoding: .utf8).split(separator: "\n").last)
        #expect(end.contains(#""outcome":{"reason":"11 steps in a row were rejected"#))
        #expect(end.contains(#""guards":{"stepRejected":10}"#))
        #expect(result.lines.contains("guards: 10 steps rejected"))
        #expect(result.lines.count { $0.hasPrefix("step 0: the step is rejected, as the update of ") } == 1)
        #expect(result.lines.contains { $0.hasPrefix("failed: ") })
    }
}
