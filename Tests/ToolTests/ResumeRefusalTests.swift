import Foundation
import TestSupport
import Testing
import Torch
import Training

/// What a resumed run refuses or tells before anything of the earlier one is dropped.
@Suite struct ResumeRefusalTests {
    let folder = TemporaryFolder()

    private static let points = [
        "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "6", "--test-limit",
        "20",
        "--threads", "1", "--optimizer", "sgd",
    ]
    private static let images = [
        "train", "--problem", "fashion-mnist-rows", "--optimizer", "sgd", "--steps", "3", "--batch-size", "10",
        "--checkpoint-period", "1", "--threads", "1",
    ]

    private func run(_ arguments: [String]) throws {
        let result = try Tool.run(arguments + ["--output", "run"], in: folder)
        try #require(result.status == 0, "\(result.errors)")
    }

    private func resume(_ arguments: [String] = []) throws -> Tool.Result {
        try Tool.run(["train", "--resume", "run"] + arguments, in: folder)
    }

    /// Expects a refusal that leaves the metrics as they are.
    private func expectRefusal(
        _ message: String, _ arguments: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let before = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        let result = try resume(arguments)
        #expect(result.status == 1, sourceLocation: sourceLocation)
        #expect(result.errors == "Error: \(message)\n", sourceLocation: sourceLocation)
        let after = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        #expect(after == before, sourceLocation: sourceLocation)
    }

    /// Puts two elements of a file in each other's place.
    private func swap(_ first: Int, _ second: Int, in file: String) throws {
        var bytes = Array(try Data(contentsOf: URL(fileURLWithPath: folder(file))))
        bytes.swapAt(first, second)
        try folder.write(bytes, to: file)
    }

    /// A writer would be waited for without end.
    @Test func aPipeForTheOptionsIsNotWaitedFor() throws {
        try run(Self.points)
        let configuration = folder("run/config.json")
        try FileManager.default.removeItem(atPath: configuration)
        try #require(mkfifo(configuration, 0o600) == 0)
        let result = try resume()
        #expect(
            result.errors.contains(
                "run/config.json is missing or damaged: using the options in the checkpoint"))
    }

    /// As many images, the same mean, and yet other data.
    @Test(arguments: [
        ("train-labels-idx1-ubyte", 8, 9), ("t10k-labels-idx1-ubyte", 8, 9),
        ("train-images-idx3-ubyte", 16 + 784 + 19 * 28, 16 + 784),
    ])
    func otherDataAreRefused(file: String, first: Int, second: Int) throws {
        try folder.writeImages(training: 30, test: 10)
        try run(Self.images + ["--data", "."])
        let path = try #require(CheckpointFolder(path: folder("run/checkpoints")).paths.last)
        let stored = try #require(CheckpointFolder.read(path).manifest.data?[file]).prefix(16)
        try swap(first, second, in: file)
        let result = try resume()
        #expect(result.status == 1)
        let beginning =
            "Error: the data of fashion-mnist-rows on \(folder.name) are not those of the checkpoint "
            + "run/checkpoints/step-00000003: \(file) is \(stored) there and "
        #expect(result.errors.hasPrefix(beginning), "\(result.errors)")
        #expect(result.errors.hasSuffix(" here: resume with the original data, or start a new run\n"))
        try swap(first, second, in: file)
        #expect(try resume().status == 0)
    }

    @Test func comparisonsRefuseOtherDataToo() throws {
        try folder.writeImages(training: 30, test: 10)
        let arguments = [
            "compare", "--problem", "fashion-mnist-rows", "--data", ".", "--method", "sgd", "--steps", "2", "--trials",
            "1",
            "--seeds", "1", "--batch-size", "10", "--output", "out", "--quiet", "--threads", "1",
        ]
        #expect(try Tool.run(arguments, in: folder).status == 0)
        let report = try Data(contentsOf: URL(fileURLWithPath: folder("out/report.html")))
        try swap(8, 9, in: "train-labels-idx1-ubyte")
        let result = try Tool.run(arguments, in: folder)
        #expect(result.status == 1)
        #expect(
            result.errors.hasPrefix(
                "Error: the data of fashion-mnist-rows on \(folder.name) are not those of the comparison in out: "
                    + "train-labels-idx1-ubyte is "), "\(result.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("out/report.html"))) == report)
    }

    /// A checkpoint of an earlier version is taken, and what is not known is said.
    @Test func whatAnOldCheckpointDoesNotTellIsSaid() throws {
        try run(Self.points)
        let checkpoints = CheckpointFolder(path: folder("run/checkpoints"))
        var checkpoint = try checkpoints.readLatest().checkpoint
        checkpoint.manifest.data = nil
        checkpoint.manifest.arguments = nil
        try checkpoints.write(checkpoint)
        let result = try resume()
        #expect(result.status == 0)
        #expect(
            result.errors
                == "note: the checkpoint, from an earlier version, has no hash of its data: make sure that the data "
                + "are the same\n")
    }

    @Test func aRunWithoutCheckpointsIsNotTrainedAgain() throws {
        try run(Self.points + ["--no-checkpoints"])
        let weights = try Data(contentsOf: URL(fileURLWithPath: folder("run/weights.safetensors")))
        try expectRefusal(
            "run was made with --no-checkpoints and cannot be resumed: start a new run in another folder")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/weights.safetensors"))) == weights)
    }

    @Test func checkpointsThatAreLostAreAskedFor() throws {
        try run(Self.points)
        try FileManager.default.moveItem(atPath: folder("run/checkpoints"), toPath: folder("disk"))
        try expectRefusal(
            "run/metrics.jsonl mentions checkpoints, but run/checkpoints has none: restore them (is a disk not "
                + "mounted?), or start a new run in another folder")
        let target = folder("mount/disk")
        try FileManager.default.createSymbolicLink(atPath: folder("run/checkpoints"), withDestinationPath: target)
        try expectRefusal(
            "run/checkpoints is a link to \(target), which does not exist: restore it (is a disk not mounted?), "
                + "or start a new run in another folder")
        try FileManager.default.createDirectory(atPath: folder("mount"), withIntermediateDirectories: false)
        try FileManager.default.moveItem(atPath: folder("disk"), toPath: target)
        #expect(try resume().status == 0)
    }

    /// The metrics are cut back to the checkpoint's only where the next one can be written.
    @Test(.disabled(if: geteuid() == 0, "root writes everywhere"))
    func nothingIsDroppedBeforeACheckpointCanBeWritten() throws {
        try run(Self.points + ["--checkpoint-period", "2"])
        try FileManager.default.removeItem(atPath: folder("run/checkpoints/step-00000006"))
        chmod(folder("run/checkpoints"), 0o555)
        try expectRefusal(
            "the checkpoint run/checkpoints cannot be written: Permission denied: the last one stands; make room or "
                + "make it writable, then resume from it")
        chmod(folder("run/checkpoints"), 0o755)
        #expect(try resume().status == 0)
    }

    /// The same for root, whom a limit of the files' size holds back.
    @Test func nothingIsDroppedWhereNothingCanBeWritten() throws {
        try run(Self.points + ["--checkpoint-period", "2"])
        try FileManager.default.removeItem(atPath: folder("run/checkpoints/step-00000006"))
        let before = try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl")))
        let full = try Tool.run(
            ["-c", "ulimit -f 1; exec \"$0\" \"$@\"", Tool.path, "train", "--resume", "run"], in: folder,
            program: "/bin/sh")
        #expect(full.status == 1)
        #expect(full.errors.contains("run/checkpoints cannot be written: File too large"), "\(full.errors)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))) == before)
        #expect(try resume().status == 0)
    }

    @Test func aStrayFileIsPassedOver() throws {
        try run(Self.points)
        try folder.write([1, 2], to: "run/checkpoints/step-00000099")
        let result = try resume()
        #expect(result.status == 0)
        #expect(
            result.errors == "note: run/checkpoints/step-00000099 is a file, not a checkpoint: it is skipped\n")
        #expect(FileManager.default.fileExists(atPath: folder("run/checkpoints/step-00000099")))
    }

    /// Paths are stored as what they meant where the run was begun.
    @Test(arguments: [false, true]) func runsAreResumedFromElsewhere(isJoined: Bool) throws {
        try FileManager.default.createDirectory(atPath: folder("dd"), withIntermediateDirectories: false)
        try folder.writeImages(training: 30, test: 10)
        for name in folder.names where name.hasSuffix("ubyte") {
            try FileManager.default.moveItem(atPath: folder(name), toPath: folder("dd/\(name)"))
        }
        try run(Self.images + ["--data", "dd"])
        try FileManager.default.moveItem(atPath: folder("run/weights.safetensors"), toPath: folder("w.safetensors"))
        try FileManager.default.moveItem(atPath: folder("run"), toPath: folder("first"))
        let options = [("--data", "./dd"), ("--initial-weights", "w.safetensors")]
        try run(Self.images + options.flatMap { isJoined ? ["\($0)=\($1)"] : [$0, $1] })
        try FileManager.default.removeItem(atPath: folder("run/checkpoints/step-00000003"))
        let elsewhere = TemporaryFolder()
        let result = try Tool.run(["train", "--resume", folder("run")], in: elsewhere)
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.errors == "" && elsewhere.names.isEmpty)
        // The same file is the same, however it is named.
        let again = try resume(["--initial-weights", "w.safetensors"])
        #expect(again.status == 0, "\(again.errors)")
    }

    /// What the newest checkpoints of the earlier continuation say is not taken for the run's.
    @Test func anOlderCheckpointIsGoneOnFromForGood() throws {
        try run(Self.points + ["--checkpoint-period", "2", "--keep-checkpoints", "9"])
        let checkpoints = folder("run/checkpoints")
        let longer = try Tool.run(
            ["train", "--resume", "run/checkpoints/step-00000002", "--steps", "5"], in: folder)
        #expect(longer.status == 0, "\(longer.errors)")
        let notes = longer.errors.split(separator: "\n")
        #expect(notes.count == 2)
        #expect(
            notes.first?.hasSuffix("run/checkpoints/step-00000006.set-aside now") == true, "\(longer.errors)")
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: checkpoints).sorted() == [
                "step-00000002", "step-00000004", "step-00000004.set-aside", "step-00000005",
                "step-00000006.set-aside",
            ])
        let again = try resume()
        #expect(again.status == 0)
        #expect(again.lines.contains { $0.hasPrefix("completed: 2 epochs, 5 steps") }, "\(again.output)")
    }

    @Test func foldersThatAreNotTheRunsAreNamed() throws {
        try run(Self.points + ["--checkpoint-period", "2"])
        func refusal(_ path: String) throws -> String {
            let result = try Tool.run(["train", "--resume", path], in: folder)
            #expect(result.status == 1)
            return result.errors
        }
        #expect(
            try refusal("run/checkpoints/")
                == "Error: run/checkpoints holds the checkpoints of a run: give the run's folder, or one of them\n")
        #expect(
            try refusal("run/config.json")
                == "Error: run/config.json is no folder: give the folder of a run, or of a checkpoint in it\n")
        #expect(
            try refusal("nowhere")
                == "Error: nowhere does not exist: give the folder of a run, or of a checkpoint in it\n")
        try FileManager.default.createSymbolicLink(
            atPath: folder("link"), withDestinationPath: "run/checkpoints/step-00000006")
        let result = try Tool.run(["train", "--resume", "link"], in: folder)
        #expect(result.status == 0, "\(result.errors)")
    }

    /// The run knows its data by what is in it.
    @Test func dataInAFolderOfAnotherNameAreTheSame() throws {
        try FileManager.default.createDirectory(atPath: folder("data"), withIntermediateDirectories: false)
        try folder.writeImages(training: 30, test: 10)
        for name in folder.names where name.hasSuffix("ubyte") {
            try FileManager.default.moveItem(atPath: folder(name), toPath: folder("data/\(name)"))
        }
        try run(Self.images + ["--data", "data"])
        try FileManager.default.moveItem(atPath: folder("data"), toPath: folder("moved"))
        let result = try resume(["--data", "moved", "--steps", "4"])
        #expect(result.status == 0, "\(result.errors)")
        #expect(try Metric.read(folder("run/metrics.jsonl")).allSatisfy { $0.problem?.hasSuffix(" on data") ?? true })
    }
}
