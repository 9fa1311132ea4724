import Foundation
import TestSupport
import Testing
import Training

/// A run is made longer by `--resume` with another length.
@Suite struct ExtensionTests {
    let folder = TemporaryFolder()

    /// A run on 40 points, two steps an epoch.
    static let arguments = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--test-limit", "20", "--threads",
        "1", "--checkpoint-period", "1", "--keep-checkpoints", "20",
    ]

    private func run(_ more: [String], output: String) throws {
        let result = try Tool.run(Self.arguments + more + ["--output", output], in: folder)
        #expect(result.status == 0, "\(result.errors)")
    }

    private func resume(_ run: String, _ more: [String] = []) throws {
        let result = try Tool.run(["train", "--resume", run] + more, in: folder)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "")
    }

    /// The bytes of the last checkpoint and of the weights.
    private func state(_ run: String) throws -> [Data] {
        let path = try #require(CheckpointFolder(path: folder("\(run)/checkpoints")).paths.last)
        return try ["\(path)/model.safetensors", "\(path)/state.safetensors", folder("\(run)/weights.safetensors")].map
        {
            try Data(contentsOf: URL(fileURLWithPath: $0))
        }
    }

    /// Steps, tests and ends of epochs, without the times.
    private func events(_ run: String, _ names: Set<String> = ["step", "evaluation", "epoch_end"]) throws -> [String] {
        try Metric.read(folder("\(run)/metrics.jsonl")).filter { names.contains($0.event) }.map {
            "\($0.event) \($0.epoch ?? -1) \($0.step ?? -1) \($0.steps ?? -1) \($0.loss ?? $0.score?.loss ?? -1) "
                + "\($0.learningRate ?? -1)"
        }
    }

    private func configuration(_ run: String) throws -> [String: Any] {
        let content = try Data(contentsOf: URL(fileURLWithPath: folder("\(run)/config.json")))
        return try #require(try JSONSerialization.jsonObject(with: content) as? [String: Any])
    }

    /// Takes the checkpoints after a step away, as if the run had been killed then.
    private func forget(_ run: String, after step: Int) throws {
        for path in CheckpointFolder(path: folder("\(run)/checkpoints")).paths where Int(path.suffix(8))! > step {
            try FileManager.default.removeItem(atPath: path)
        }
    }

    static let methods = [
        ["--optimizer", "sgd", "--learning-rate", "0.001"], ["--optimizer", "kfac"],
        ["--optimizer", "muon", "--average", "0.9"],
        ["--optimizer", "kfac", "--inverse-schedule", "background", "--step-rule", "quadratic-model"],
    ]

    /// With a constant rate, two epochs and then two more are four.
    @Test(arguments: methods) func aConstantRateGoesOnToTheSameBits(method: [String]) throws {
        let method = method + ["--learning-rate-schedule", "constant"]
        try run(method + ["--epochs", "4"], output: "long")
        try run(method + ["--epochs", "2"], output: "run")
        try resume("run", ["--epochs", "4"])
        #expect(try state("run") == state("long"))
        #expect(try events("run") == events("long"))
        let configuration = try configuration("run")
        #expect(configuration["epochs"] as? Int == 4)
        #expect((configuration["arguments"] as? [String])?.suffix(1) == ["--epochs=4"])
        #expect((configuration["arguments"] as? [String])?.contains("--epochs") == false)
        let metrics = try Metric.read(folder("run/metrics.jsonl"))
        #expect(metrics.filter { $0.event == "run_end" }.count == 1)
        #expect(metrics.last?.outcome?.status == "completed")
        #expect(metrics.last?.steps == 8)
        // And once more, from somewhere in the middle.
        let whole = try state("run")
        try forget("run", after: 5)
        try resume("run")
        #expect(try state("run") == whole)
        #expect(try events("run") == events("long"))
    }

    /// The checkpoints of the longer run tell its length, too.
    @Test func aLostConfigurationHasTheNewLength() throws {
        try run(["--epochs", "2"], output: "run")
        try resume("run", ["--epochs", "4"])
        let (whole, file) = (try state("run"), folder("run/config.json"))
        let configuration = try Data(contentsOf: URL(fileURLWithPath: file))
        let last = try #require(CheckpointFolder(path: folder("run/checkpoints")).paths.last)
        #expect(try CheckpointFolder.read(last).manifest.arguments?.suffix(1) == ["--epochs=4"])
        try forget("run", after: 5)
        try FileManager.default.removeItem(atPath: file)
        let result = try Tool.run(["train", "--resume", "run"], in: folder)
        #expect(result.status == 0)
        #expect(result.errors == "note: run/config.json is missing or damaged: using the options in the checkpoint\n")
        #expect(try state("run") == whole)
        #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == configuration)
    }

    /// A longer run is refused where other data are in the place of its own.
    @Test func otherDataAreRefusedBesideALength() throws {
        try folder.writeImages(training: 30, test: 10)
        let arguments = [
            "train", "--problem", "fashion-mnist-rows", "--data", ".", "--optimizer", "sgd", "--batch-size", "10",
            "--threads", "1", "--epochs", "1", "--output", "run",
        ]
        #expect(try Tool.run(arguments, in: folder).status == 0)
        let labels = folder("train-labels-idx1-ubyte")
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: labels)))
        bytes.swapAt(8, 9)
        try folder.write(bytes, to: "train-labels-idx1-ubyte")
        let result = try Tool.run(["train", "--resume", "run", "--epochs", "2"], in: folder)
        #expect(result.status == 1)
        #expect(result.errors.hasPrefix("Error: the data of fashion-mnist-rows on "), "\(result.errors)")
        #expect(try configuration("run")["epochs"] as? Int == 1)
        bytes.swapAt(8, 9)
        try folder.write(bytes, to: "train-labels-idx1-ubyte")
        try resume("run", ["--epochs", "2"])
        #expect(try configuration("run")["epochs"] as? Int == 2)
    }

    /// A rate that falls over the run falls over the new length from there on.
    @Test(arguments: ["linear", "cosine"]) func aFallingRateFollowsTheNewLength(schedule: String) throws {
        try run(["--step-rule", "fixed", "--epochs", "2", "--learning-rate-schedule", schedule], output: "run")
        try resume("run", ["--epochs", "4"])
        let steps = try Metric.read(folder("run/metrics.jsonl")).filter { $0.event == "step" }
        #expect(steps.count == 8)
        for (index, step) in steps.enumerated() {
            let place = Double(index) / (index < 4 ? 4 : 8)
            let rate = schedule == "linear" ? 1 - place : (1 + cos(.pi * place)) / 2
            #expect(abs(step.learningRate! - 0.1 * rate) < 1e-12)
        }
        // The longer run is one that can be resumed like any other.
        let (whole, all) = (try state("run"), try events("run"))
        try forget("run", after: 6)
        try resume("run")
        #expect(try state("run") == whole)
        #expect(try events("run") == all)
        // From before it was made longer, too.
        try forget("run", after: 3)
        try resume("run")
        #expect(try Metric.read(folder("run/metrics.jsonl")).filter { $0.event == "step" }.count == 8)
    }

    /// A run that ended within an epoch goes on in it.
    @Test func anEpochThatWasCutShortGoesOn() throws {
        let constant = ["--learning-rate-schedule", "constant"]
        try run(constant + ["--steps", "9"], output: "long")
        try run(constant + ["--steps", "5"], output: "run")
        try resume("run", ["--steps", "9"])
        #expect(try state("run") == state("long"))
        let names: Set<String> = ["step", "epoch_end"]
        #expect(try events("run", names) == events("long", names))
        // The test at the first end stays.
        let tests = try Metric.read(folder("run/metrics.jsonl")).filter { $0.event == "evaluation" }
        #expect(tests.map(\.steps) == [5, 9])
    }

    /// Steps in place of epochs, and a run that is not over.
    @Test func anUnfinishedRunTakesAnotherLength() throws {
        let constant = ["--learning-rate-schedule", "constant"]
        try run(constant + ["--steps", "7"], output: "long")
        try run(constant + ["--epochs", "5"], output: "run")
        try forget("run", after: 3)
        try resume("run", ["--steps=7"])
        #expect(try state("run") == state("long"))
        #expect(try configuration("run")["steps"] as? Int == 7)
        #expect(try configuration("run")["epochs"] == nil)
        try resume("run")
        #expect(try state("run") == state("long"))
    }

    @Test func aLengthThatIsPassedIsRefused() throws {
        try run(["--epochs", "3"], output: "run")
        let metrics = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        let configuration = try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json")))
        for (length, option) in [
            (["--epochs", "2"], "--epochs 2 comes to 4 steps"), (["--steps", "5"], "--steps 5 comes to 5 steps"),
        ] {
            let result = try Tool.run(["train", "--resume", "run"] + length, in: folder)
            #expect(result.status == 64)
            #expect(
                result.errors.hasPrefix("Error: \(option), and the run has done 6 already: give a greater number.\n"),
                "\(result.errors)")
        }
        let both = try Tool.run(["train", "--resume", "run", "--epochs", "4", "--steps", "9"], in: folder)
        #expect(both.errors.hasPrefix("Error: --epochs and --steps both say how long to train: give one of them.\n"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))) == metrics)
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/config.json"))) == configuration)
    }

    /// Another option beside the length is still refused, and leaves the length alone.
    @Test func otherOptionsAreRefusedBesideALength() throws {
        try run(["--epochs", "2"], output: "run")
        let result = try Tool.run(["train", "--resume", "run", "--epochs", "4", "--damping", "0.3"], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: the checkpoint run/checkpoints/step-00000004 is of another run: --damping is 0.05 there and 0.3 here: \
                use the run's own options, or start a new run

                """)
        #expect(try configuration("run")["epochs"] as? Int == 2)
    }
}
