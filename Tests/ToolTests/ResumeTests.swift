import Foundation
import TestSupport
import Testing
import Torch
import Training

/// A run that was stopped goes on as if it had not been, and says what is wrong where it cannot.
@Suite struct ResumeTests {
    let folder = TemporaryFolder()

    /// A run of 24 steps on 40 points.
    static let arguments = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "24", "--test-limit",
        "20", "--threads", "1",
    ]

    private func run(_ arguments: [String], output: String) throws -> Tool.Result {
        try Tool.run(arguments + ["--output", output], in: folder)
    }

    /// The bytes of the last checkpoint.
    private func lastState(_ run: String) throws -> [Data] {
        let path = try #require(CheckpointFolder(path: folder("\(run)/checkpoints")).paths.last)
        return try ["model", "state"].map {
            try Data(contentsOf: URL(fileURLWithPath: "\(path)/\($0).safetensors"))
        }
    }

    /// What happened in a run, without the times.
    private func events(_ run: String) throws -> [String] {
        try String(contentsOfFile: folder("\(run)/metrics.jsonl"), encoding: .utf8).split(separator: "\n").compactMap {
            var json = try #require(JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            guard let event = json["event"] as? String, ["step", "evaluation", "epoch_end"].contains(event) else {
                return nil
            }
            json["seconds"] = nil
            if var details = json["details"] as? [String: Any] {
                details["phases"] = nil
                json["details"] = details
            }
            return String(
                decoding: try JSONSerialization.data(withJSONObject: json, options: .sortedKeys), as: UTF8.self)
        }
    }

    /// A resumed run multiplies as the run before, unless it is told not to.
    @Test func productsAreThoseOfTheRunBefore() throws {
        let short = Self.arguments.map { $0 == "24" ? "2" : $0 }
        #expect(try run(short + ["--products", "library"], output: "run").status == 0)
        #expect(try Self.products(of: folder("run")) == .library)
        let resumed = try Tool.run(["train", "--resume", "run", "--steps", "3"], in: folder)
        #expect(resumed.status == 0 && !resumed.errors.contains("products"), "\(resumed.errors)")
        #expect(try Self.products(of: folder("run")) == .library)
        guard MatrixProducts.kernels.isAvailable else { return }
        let other = try Tool.run(["train", "--resume", "run", "--steps", "4", "--products", "kernels"], in: folder)
        #expect(other.status == 0)
        #expect(
            other.errors.contains(
                "the checkpoint was written with products by the library, this is run with those by the kernels: "
                    + "results may differ in their last bits"), "\(other.errors)")
        #expect(try Self.products(of: folder("run")) == .kernels)
        let wrong = try run(short + ["--products", "mkl"], output: "wrong")
        #expect(wrong.status == 64 && wrong.errors.contains("are called kernels and library"), "\(wrong.errors)")
    }

    /// A resumed run keeps images as the run before, and so do runs of versions that knew one layout only.
    @Test func layoutIsThatOfTheRunBefore() throws {
        let short = Self.arguments.map { ["24": "2", "poisson": "resnet20"][$0] ?? $0 }
        func layout(_ run: String) throws -> String? {
            let path = try #require(CheckpointFolder(path: folder("\(run)/checkpoints")).paths.last)
            return try CheckpointFolder.read(path).manifest.settings["layout"]
        }
        #expect(try run(short + ["--layout", "standard"], output: "run").status == 0)
        #expect(try layout("run") == "standard")
        #expect(try Tool.run(["train", "--resume", "run", "--steps", "3"], in: folder).status == 0)
        #expect(try layout("run") == "standard")
        let other = try Tool.run(["train", "--resume", "run", "--steps", "4", "--layout", "channels-last"], in: folder)
        #expect(other.status != 0 && other.errors.contains("--layout is standard there"), "\(other.errors)")
        let wrong = try run(short + ["--layout", "nhwc"], output: "wrong")
        #expect(wrong.status == 64 && wrong.errors.contains("are called channels-last and standard"))
    }

    private static func products(of run: String) throws -> MatrixProducts? {
        let path = try #require(CheckpointFolder(path: "\(run)/checkpoints").paths.last)
        return try CheckpointFolder.read(path).manifest.products
    }

    static let methods: [[String]] = [
        ["--optimizer", "sgd", "--learning-rate", "0.001"], ["--optimizer", "adam"], ["--optimizer", "adamw"],
        ["--optimizer", "shampoo"], ["--optimizer", "soap"], ["--optimizer", "kl-shampoo"],
        ["--optimizer", "kl-soap"], ["--optimizer", "muon"], ["--optimizer", "kfac"],
        ["--optimizer", "kfac", "--step-rule", "fixed", "--eigenvalues", "examples"],
        ["--optimizer", "kfac", "--step-rule", "quadratic-model", "--damping-rule", "adaptive"],
        ["--optimizer", "kfac", "--inverse-schedule", "background", "--average", "0.9", "--epochs", "12"],
        ["--optimizer", "kfac", "--batch-growth", "10", "--test-period", "5"],
    ]

    /// Stopped after ten steps, in the way of a failure: the checkpoints that follow are taken away.
    @Test(arguments: methods.indices) func theSameBitsForEveryMethod(index: Int) throws {
        var arguments = Self.arguments + Self.methods[index]
        if arguments.contains("--epochs") {
            let steps = arguments.firstIndex(of: "--steps")!
            arguments.removeSubrange(steps...steps + 1)
        }
        let all = try run(arguments + ["--checkpoint-period", "10", "--keep-checkpoints", "9"], output: "run")
        #expect(all.status == 0, "\(all.errors)")
        let (state, whole) = (try lastState("run"), try events("run"))
        #expect(whole.count >= 24)
        for path in CheckpointFolder(path: folder("run/checkpoints")).paths where !path.hasSuffix("-00000010") {
            try FileManager.default.removeItem(atPath: path)
        }
        let resumed = try Tool.run(["train", "--resume", "run"], in: folder)
        #expect(resumed.status == 0, "\(resumed.errors)")
        #expect(resumed.errors == "")
        #expect(resumed.lines.contains("resumed after 10 steps"))
        #expect(try lastState("run") == state)
        #expect(try events("run") == whole)
    }

    @Test func aCompleteRunHasNothingLeftToDo() throws {
        _ = try run(Self.arguments, output: "run")
        let (state, whole) = (try lastState("run"), try events("run"))
        let resumed = try Tool.run(["train", "--resume", "run/"], in: folder)
        #expect(resumed.status == 0)
        #expect(resumed.lines.contains { $0.hasPrefix("completed: ") })
        #expect(try lastState("run") == state)
        #expect(try events("run") == whole)
    }

    @Test func aRunWithoutACheckpointBeginsAgain() throws {
        _ = try run(Self.arguments, output: "run")
        let (state, whole) = (try lastState("run"), try events("run"))
        try FileManager.default.removeItem(atPath: folder("run/checkpoints"))
        // As if it had been killed after a few steps.
        let metrics = try String(contentsOfFile: folder("run/metrics.jsonl"), encoding: .utf8)
        let lines = metrics.split(separator: "\n").prefix { !$0.hasPrefix(#"{"event":"checkpoint""#) }
        try folder.write(lines.prefix(8).map { $0 + "\n" }.joined().utf8, to: "run/metrics.jsonl")
        let resumed = try Tool.run(["train", "--resume", "run"], in: folder)
        #expect(resumed.status == 0)
        #expect(resumed.errors == "note: run has no checkpoint yet: the run begins again\n")
        #expect(try lastState("run") == state)
        #expect(try events("run") == whole)
    }

    @Test func theLastOnesAndTheBestAreKept() throws {
        let result = try run(
            Self.arguments + ["--checkpoint-period", "5", "--keep-checkpoints", "3", "--test-period", "6"],
            output: "run")
        #expect(result.status == 0, "\(result.errors)")
        let folder = CheckpointFolder(path: folder("run/checkpoints"))
        let steps = folder.paths.map { Int($0.suffix(8))! }
        #expect(steps.suffix(3) == [18, 20, 24] || steps.suffix(3) == [15, 20, 24])
        let best = try folder.paths.map { try CheckpointFolder.read($0).manifest.progress.best!.steps }.last!
        #expect(steps.contains(best))
        #expect(steps.count <= 4)
    }

    /// Runs and leaves two checkpoints.
    private func runOnce() throws {
        let result = try run(Self.arguments + ["--checkpoint-period", "10"], output: "run")
        #expect(result.status == 0, "\(result.errors)")
    }

    private func resume(_ arguments: [String] = []) throws -> Tool.Result {
        try Tool.run(["train", "--resume", "run"] + arguments, in: folder)
    }

    @Test func aDamagedCheckpointIsPassedOver() throws {
        try runOnce()
        let state = try lastState("run")
        let path = folder("run/checkpoints/step-00000024/state.safetensors")
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        bytes[bytes.count / 2] ^= 1
        try Data(bytes).write(to: URL(fileURLWithPath: path))
        let result = try resume()
        #expect(result.status == 0)
        #expect(
            result.errors == """
                note: the checkpoint run/checkpoints/step-00000024 is damaged: state.safetensors is not what was \
                written: resume from another one
                note: the run continues from run/checkpoints/step-00000020 instead

                """)
        #expect(try lastState("run") == state)
    }

    @Test func whenAllAreDamagedTheRunIsNot() throws {
        try runOnce()
        for path in CheckpointFolder(path: folder("run/checkpoints")).paths {
            try Data("{}".utf8).write(to: URL(fileURLWithPath: "\(path)/manifest.json"))
        }
        let metrics = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        let result = try resume()
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix(
                "Error: all checkpoints in run/checkpoints are damaged: step-00000024: manifest.json is not what was written, "
            ))
        #expect(result.errors.contains(", step-00000020: manifest.json is not what was written"), "\(result.errors)")
        #expect(result.errors.hasSuffix(": start the run again\n"))
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))) == metrics)
    }

    @Test func metricsThatAreTooShortAreNoted() throws {
        try runOnce()
        let size = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))).count
        try folder.write(Array("{}\n".utf8), to: "run/metrics.jsonl")
        let result = try resume()
        #expect(result.status == 0)
        let found = result.errors.wholeMatch(
            of: /note: run\/metrics.jsonl has 3 bytes, and had (\d+) when the checkpoint was written: lines of .*\n/)
        #expect(found.flatMap { Int($0.1) }.map { (4..<size).contains($0) } == true, "\(result.errors)")
    }

    /// Help that a stored command line asks for is no reason to end well.
    @Test(arguments: ["--help", "--version", "--l2=-1"]) func optionsThatCannotBeUsedAreTold(option: String) throws {
        try runOnce()
        let path = folder("run/config.json")
        let text = try String(contentsOfFile: path, encoding: .utf8)
        let changed = text.replacing("\"--problem\",", with: "\"\(option)\", \"--problem\",")
        try changed.write(toFile: path, atomically: true, encoding: .utf8)
        let result = try resume()
        #expect(result.status == 1)
        #expect(result.output == "")
        #expect(
            result.errors.hasPrefix("Error: the options that the run in run was started with cannot be used: "),
            "\(result.errors)")
        #expect(result.errors.hasSuffix(": start the run again\n"))
    }

    @Test func anotherFormatIsRefused() throws {
        try runOnce()
        let folder = CheckpointFolder(path: folder("run/checkpoints"))
        var checkpoint = try folder.readLatest().checkpoint
        checkpoint.manifest.format = CheckpointManifest.currentFormat + 1
        checkpoint.manifest.progress.summary.steps = 23
        try folder.write(checkpoint)
        let result = try Tool.run(["train", "--resume", "run/checkpoints/step-00000023"], in: self.folder)
        #expect(result.status == 1)
        // A link may have led there: the message tells where the checkpoint really is.
        #expect(
            result.errors.hasSuffix(
                "/run/checkpoints/step-00000023 has the format 3, this version reads 2: use the version that wrote it\n"
            ))
    }

    static let differences: [([String], String)] = [
        (["--learning-rate", "0.3"], "another run: --learning-rate is 1.0 there and 0.3 here: use"),
        (["--seed", "3"], "another run: --seed is 0 there and 3 here: use"),
        (["--optimizer", "adam"], "another run: --optimizer is kfac there and adam here: use"),
        (["--batch-size", "10"], "another run: --batch-size is 20 there and 10 here: use"),
        (["--train-limit", "41"], "another run: --train-limit is 40 there and 41 here: use"),
    ]

    @Test(arguments: differences.indices) func otherOptionsAreRefused(index: Int) throws {
        let (options, difference) = Self.differences[index]
        try runOnce()
        let before = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        let result = try resume(options)
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix("Error: the checkpoint run/checkpoints/step-00000024 is of another run: "),
            "\(result.errors)")
        #expect(result.errors.contains(difference), "\(result.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))) == before)
    }

    /// A checkpoint of another model, put into this run's folder.
    @Test func anotherModelsCheckpointIsRefused() throws {
        try runOnce()
        let folder = CheckpointFolder(path: folder("run/checkpoints"))
        var checkpoint = try folder.readLatest().checkpoint
        checkpoint.model["layers.0.weight"] = Tensor.zeros([64, 4])
        checkpoint.manifest.progress.summary.steps = 23
        try folder.write(checkpoint)
        let result = try Tool.run(["train", "--resume", "run/checkpoints/step-00000023"], in: self.folder)
        #expect(result.status == 1)
        #expect(result.errors.contains("layers.0.weight"), "\(result.errors)")
    }

    @Test func oneRunIsResumedOnlyOnce() throws {
        let arguments = Self.arguments + ["--output", "run", "--checkpoint-period", "1"]
        let steps = arguments.firstIndex(of: "--steps")! + 1
        var long = arguments
        long[steps] = "100000"
        _ = try Tool.run(long, in: folder) { running in
            while running.isRunning, CheckpointFolder(path: folder("run/checkpoints")).paths.isEmpty {
                Thread.sleep(forTimeInterval: 0.01)
            }
            let other = try resume()
            #expect(other.status == 1)
            #expect(
                other.errors == """
                    Error: run is being written by another process: wait for its end, or stop it

                    """)
            kill(running.identifier, SIGKILL)
        }
    }

    /// What a full disk gives: no file may grow beyond a limit that the checkpoint's exceed.
    @Test func aFullDiskLeavesTheLastCheckpoint() throws {
        try runOnce()
        let (state, whole) = (try lastState("run"), try events("run"))
        let checkpoints = CheckpointFolder(path: folder("run/checkpoints"))
        try FileManager.default.removeItem(atPath: try #require(checkpoints.paths.last))
        let before = checkpoints.paths
        let script = "ulimit -f 200; exec \"$0\" \"$@\""
        let full = try Tool.run(
            ["-c", script, Tool.path, "train", "--resume", "run", "--checkpoint-period", "1"], in: folder,
            program: "/bin/sh")
        #expect(full.status == 1)
        #expect(
            full.errors == """
                Error: the checkpoint run/checkpoints/step-00000021 cannot be written: File too large: the last one \
                stands; make room or make it writable, then resume from it

                """)
        #expect(full.lines.contains { $0.hasPrefix("failed: ") })
        // Nothing is half-written, nothing lost.
        #expect(try FileManager.default.contentsOfDirectory(atPath: checkpoints.path).count == before.count)
        #expect(checkpoints.paths == before)
        #expect(try resume().status == 0)
        #expect(try lastState("run") == state)
        #expect(try events("run") == whole)
    }

    /// Where no checkpoint was written before, none stands.
    @Test func aDiskThatIsFullForTheFirstCheckpoint() throws {
        let script = "ulimit -f 100; trap '' XFSZ; exec \"$0\" \"$@\""
        let result = try Tool.run(
            ["-c", script, Tool.path] + Self.arguments + ["--output", "run", "--checkpoint-period", "1"], in: folder,
            program: "/bin/sh")
        #expect(result.status == 1)
        #expect(
            result.errors == """
                Error: the checkpoint run/checkpoints/step-00000001 cannot be written: File too large: there is none \
                before it; make room or make it writable, then resume the run, which begins again

                """)
    }

    @Test func aFolderThatCannotBeWrittenEndsTheRunWithItsReason() throws {
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: true)
        try folder.write([], to: "run/checkpoints")
        let result = try run(Self.arguments + ["--checkpoint-period", "1"], output: "run")
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix("Error: the checkpoint run/checkpoints"), "\(result.errors)")
        #expect(result.errors.contains("cannot be written"), "\(result.errors)")
    }

    @Test func dataThatIsGoneIsNamed() throws {
        try folder.writeImages(training: 30, test: 10)
        let arguments = ["train", "--data", ".", "--optimizer", "sgd", "--epochs", "1", "--batch-size", "10"]
        #expect(try run(arguments, output: "run").status == 0)
        let name = try #require(folder.names.first { $0.hasPrefix("train-images") })
        try FileManager.default.removeItem(atPath: folder(name))
        let result = try resume()
        #expect(result.status == 1)
        #expect(result.errors.contains("train-images"), "\(result.errors)")
        #expect(!CheckpointFolder(path: folder("run/checkpoints")).paths.isEmpty)
    }

    @Test func whatIsNoRunIsRefused() throws {
        let result = try Tool.run(["train", "--resume", "nothing"], in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors
                == "Error: nothing does not exist: give the folder of a run, or of a checkpoint in it\n")
        try runOnce()
        let output = try resume(["--output", "other"])
        #expect(output.status == 64)
        #expect(output.errors.hasPrefix("Error: --resume continues in the run's own folder: leave --output out."))
    }

    /// The weights of a complete run are a beginning for another one.
    @Test func weightsAreLeftBehindAndTakenUp() throws {
        try runOnce()
        let weights = try Safetensors(contentsOf: URL(fileURLWithPath: folder("run/weights.safetensors"))).tensors
        #expect(!weights.isEmpty)
        let result = try run(
            Self.arguments + ["--initial-weights", "run/weights.safetensors", "--optimizer", "adam"], output: "next")
        #expect(result.status == 0, "\(result.errors)")
        let wrong = try Tool.run(
            ["train", "--problem", "resnet20", "--initial-weights", "run/weights.safetensors", "--output", "wrong"],
            in: folder)
        #expect(wrong.status == 1)
        #expect(wrong.errors.contains("run/weights.safetensors: the state does not fit the model ResNet"))
        #expect(!folder.names.contains("wrong"))
    }
}
