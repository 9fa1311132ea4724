import Checksums
import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import Training

@Suite struct CheckpointTests {
    let folder = TemporaryFolder()

    /// From each of the checkpoints, the run ends in the same bits and the same summary, but for the times.
    @Test(arguments: [true, false]) func runsGoOnInTheSameBits(usesKFAC: Bool) throws {
        let run = SmallRun(folder: folder, usesKFAC: usesKFAC)
        let recorder = Recorder()
        let whole = try run.run(sinks: [recorder])
        // Read at once: the runs that follow write some of their own.
        let checkpoints = try run.checkpoints.paths.map { try CheckpointFolder.read($0) }
        #expect(checkpoints.count >= 3)
        for checkpoint in checkpoints {
            let rest = Recorder()
            let steps = checkpoint.manifest.progress.summary.steps
            let resumed = try run.run(from: checkpoint, sinks: [rest])
            #expect(resumed.bits == whole.bits, "from step \(steps)")
            #expect(rest.steps.map(\.loss) == Array(recorder.steps.map(\.loss)[steps...]))
            #expect(resumed.summary.steps == whole.summary.steps)
            #expect(resumed.summary.epochs == whole.summary.epochs)
            #expect(resumed.summary.examples == whole.summary.examples)
            #expect(resumed.summary.lastEvaluation?.score == whole.summary.lastEvaluation?.score)
        }
    }

    /// Stopped between any two steps, by a request that comes with a step's event.
    @Test(arguments: 1..<11) func aRunCanBeStoppedAnywhere(step: Int) throws {
        let whole = try SmallRun(folder: TemporaryFolder()).run()
        let run = SmallRun(folder: folder)
        let cancellation = Cancellation()
        let recorder = Recorder()
        recorder.onEvent = { if case .step(let result) = $0, result.step == step - 1 { cancellation.request() } }
        let part = try run.run(sinks: [recorder], cancellation: cancellation)
        #expect(part.summary.outcome == .interrupted(signal: nil))
        #expect(part.summary.steps == step)
        let latest = try run.checkpoints.readLatest()
        #expect(latest.checkpoint.manifest.progress.summary.steps == step)
        let rest = try run.run(from: latest.checkpoint)
        #expect(rest.bits == whole.bits)
        #expect(rest.summary.lastEvaluation?.score == whole.summary.lastEvaluation?.score)
        #expect(rest.summary.epochs == whole.summary.epochs)
    }

    /// A new run in the folder of another one would lose its own checkpoints to the greater numbers of the old ones.
    @Test func aNewRunNeedsAFolderOfItsOwn() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        let (paths, path) = (run.checkpoints.paths, run.checkpoints.path)
        let error = #expect(throws: CheckpointError.occupied(path)) { try run.run() }
        #expect(
            error?.localizedDescription
                == "\(path) already holds checkpoints: give another folder, or resume from them "
                + "(Trainer.run(_:with:from:))")
        #expect(run.checkpoints.paths == paths)
    }

    /// Newer checkpoints, of another continuation, neither take the place of this one's nor get lost.
    @Test func newerCheckpointsAreSetAside() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        let paths = run.checkpoints.paths
        let first = try CheckpointFolder.read(paths[0])
        let cancellation = Cancellation()
        let recorder = Recorder()
        recorder.onEvent = { if case .step = $0 { cancellation.request() } }
        _ = try run.run(from: first, sinks: [recorder], cancellation: cancellation)
        let latest = try run.checkpoints.readLatest().checkpoint
        #expect(latest.manifest.progress.summary.steps == first.manifest.progress.summary.steps + 1)
        let names = try FileManager.default.contentsOfDirectory(atPath: run.checkpoints.path)
        #expect(names.count { $0.contains("set-aside") } == paths.count - 1)
    }

    @Test func aCheckpointOfAnotherRunIsRefused() throws {
        var run = SmallRun(folder: folder)
        try run.run()
        let checkpoint = try run.checkpoints.readLatest().checkpoint
        run.settings["seed"] = "2"
        #expect(throws: CheckpointError.otherSettings(run.checkpoints.path, difference: "seed is 1 there and 2 here")) {
            try run.run(from: checkpoint)
        }
        run.settings["seed"] = "1"
        run.usesKFAC = false
        let other = #expect(throws: CheckpointError.self) { try run.run(from: checkpoint) }
        #expect("\(other!)".contains("optimizer is kfac there and soap here"))
        run.usesKFAC = true
        run.hidden = 7
        let shapes = #expect(throws: (any Error).self) { try run.run(from: checkpoint) }
        #expect("\(shapes!)".contains("0.weight"))
    }

    /// The same settings, the same number of examples, and yet other data.
    @Test func aCheckpointOfOtherDataIsRefused() throws {
        var run = SmallRun(folder: folder)
        let (one, other) = (String(repeating: "1", count: 64), String(repeating: "a", count: 64))
        run.data = ["images": one, "labels": one]
        try run.run()
        let checkpoint = try run.checkpoints.readLatest().checkpoint
        #expect(checkpoint.manifest.data == run.data)
        run.data["labels"] = other
        let error = #expect(throws: CheckpointError.self) { try run.run(from: checkpoint) }
        #expect(
            error?.description
                == "the data of Small are not those of the checkpoint \(run.checkpoints.path): labels is "
                + "1111111111111111 there and aaaaaaaaaaaaaaaa here: resume with the original data, or start a new run")
        // An earlier version tells nothing of them.
        var old = checkpoint
        old.manifest.data = nil
        try run.run(from: old)
    }

    /// One event more would be beyond all integers.
    @Test(arguments: [Int.max, -1]) func guardsCountNothingThatCannotBe(count: Int) throws {
        let run = SmallRun(folder: folder)
        try run.run()
        var checkpoint = try run.checkpoints.readLatest().checkpoint
        checkpoint.manifest.progress.summary.guards = ["stepRejected": count]
        let error = #expect(throws: SnapshotError.self) { try run.run(from: checkpoint) }
        #expect("\(error!)".contains("it counts what cannot be"))
    }

    /// What can be read can be written again, at the end of all counts, too.
    @Test func theGreatestCountsAreWrittenAgain() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        var checkpoint = try CheckpointFolder.read(try #require(run.checkpoints.paths.first))
        let most = 1 << 53
        checkpoint.manifest.progress.summary.guards = ["stepRejected": most]
        checkpoint.manifest.progress.summary.examples = most
        checkpoint.manifest.progress.summary.epochs = most
        checkpoint.manifest.progress.epoch = most
        checkpoint.manifest.progress.epochExamples = most
        checkpoint.manifest.progress.samplerStep = most
        checkpoint.manifest.progress.samplerEpoch = most
        let summary = try run.run(from: checkpoint).summary
        #expect(summary.examples == most && summary.epochs == most)
        try run.run(from: run.checkpoints.readLatest().checkpoint)
    }

    /// Written by a version that knew of neither data nor arguments.
    @Test func olderManifestsCanBeRead() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        let path = try #require(run.checkpoints.paths.last)
        let file = URL(fileURLWithPath: "\(path)/manifest.json")
        var json = try #require(
            JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
        json["data"] = nil
        var progress = try #require(json["progress"] as? [String: Any])
        for key in ["first_loss", "excessive_loss", "last_rejection"] { progress[key] = nil }
        json["progress"] = progress
        let bytes = try JSONSerialization.data(withJSONObject: json)
        let sums = URL(fileURLWithPath: "\(path)/SHA256SUMS")
        let lines = try String(contentsOf: sums, encoding: .utf8).split(separator: "\n").dropFirst()
        try bytes.write(to: file)
        try Data(
            ([SHA256.hexDigest(of: Array(bytes)) + "  manifest.json"] + lines.map(String.init))
                .map { $0 + "\n" }.joined().utf8
        ).write(to: sums)
        let checkpoint = try CheckpointFolder.read(path)
        #expect(checkpoint.manifest.data == nil && checkpoint.manifest.progress.firstLoss == nil)
        try run.run(from: checkpoint)
    }

    @Test func theArgumentsAreKept() throws {
        var checkpoint = try Self.small(folder)
        checkpoint.manifest.arguments = ["--seed", "1"]
        let folder = CheckpointFolder(path: folder("others"))
        let path = try folder.write(checkpoint).path
        #expect(try CheckpointFolder.read(path).manifest.arguments == ["--seed", "1"])
    }

    private static func small(_ folder: TemporaryFolder) throws -> Checkpoint {
        let run = SmallRun(folder: folder, usesKFAC: false)
        try run.run()
        return try run.checkpoints.readLatest().checkpoint
    }

    /// A file with a checkpoint's name is neither read, nor counted, nor removed.
    @Test func strayFilesArePassedOver() throws {
        let run = SmallRun(folder: folder)
        try run.run()
        try folder.write([1], to: "checkpoints/step-00000099")
        #expect(run.checkpoints.strays == [folder("checkpoints/step-00000099")])
        let found = try run.checkpoints.readLatest()
        #expect(found.checkpoint.manifest.progress.summary.steps == 11 && found.damaged.isEmpty)
        let count = run.checkpoints.paths.count
        try run.checkpoints.write(found.checkpoint)
        #expect(run.checkpoints.paths.count >= min(count, 3))
        #expect(run.checkpoints.strays.count == 1)
    }

    /// Told before the first step, and nothing is left behind.
    @Test func aFolderThatCannotBeWrittenIsToldAtOnce() throws {
        try FileManager.default.createSymbolicLink(atPath: folder("checkpoints"), withDestinationPath: "/nowhere/disk")
        let run = SmallRun(folder: folder)
        let recorder = Recorder()
        #expect(
            throws: CheckpointError.firstNotWritable(
                run.checkpoints.path, reason: "it is a link to /nowhere/disk, which does not exist")
        ) { try run.run(sinks: [recorder]) }
        #expect(recorder.steps.isEmpty)
        try FileManager.default.removeItem(atPath: folder("checkpoints"))
        try run.checkpoints.prepare()
        #expect(try FileManager.default.contentsOfDirectory(atPath: run.checkpoints.path).isEmpty)
    }

    /// The folder that is gone is not made again, and one that took its name is left alone.
    @Test(arguments: [false, true]) func aRunThatIsMovedWritesNoCheckpointElsewhere(isReplaced: Bool) throws {
        var run = SmallRun(folder: folder)
        run.place = "run/checkpoints"
        let recorder = Recorder()
        recorder.onEvent = { [folder] in
            guard case .step(let step) = $0, step.step == 4 else { return }
            try FileManager.default.moveItem(atPath: folder("run"), toPath: folder("moved"))
            guard isReplaced else { return }
            try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: false)
        }
        #expect(throws: RunFolderError.moved(folder("run"))) { try run.run(sinks: [recorder]) }
        #expect(folder.names == (isReplaced ? ["moved", "run"] : ["moved"]))
        if isReplaced { #expect(try FileManager.default.contentsOfDirectory(atPath: folder("run")).isEmpty) }
    }

    /// The last ones and all that follow are written where the user made room.
    @Test func aFolderOfCheckpointsThatIsRemovedIsMadeAgain() throws {
        var run = SmallRun(folder: folder)
        run.place = "run/checkpoints"
        let recorder = Recorder()
        recorder.onEvent = { [folder] in
            guard case .step(let step) = $0, step.step == 4 else { return }
            try FileManager.default.removeItem(atPath: folder("run/checkpoints"))
        }
        try run.run(sinks: [recorder])
        #expect(try run.checkpoints.readLatest().checkpoint.manifest.progress.summary.steps == 11)
    }

    @Test func foldersThatAreNoCheckpointsAreLeftAlone() throws {
        let run = SmallRun(folder: folder)
        for name in ["notes", "step-x", "step-00000002.99999999.tmp", "step-00000001.removed"] {
            try FileManager.default.createDirectory(
                atPath: folder("checkpoints/\(name)"), withIntermediateDirectories: true)
        }
        #expect(run.checkpoints.paths == [])
        #expect(throws: CheckpointError.notFound(run.checkpoints.path)) { try run.checkpoints.readLatest() }
        try run.run()
        // What is half-written, or half-removed, goes; what is somebody else's stays.
        let names = try FileManager.default.contentsOfDirectory(atPath: run.checkpoints.path)
        #expect(Set(names.filter { !$0.hasPrefix("step-0") }) == ["notes", "step-x"])
        #expect(!names.contains { $0.hasSuffix(".tmp") || $0.hasSuffix(".removed") })
    }

    @Test(arguments: ["manifest.json", "model.safetensors", "state.safetensors", "SHA256SUMS"])
    func filesThatAreMissingOrDamagedAreNamed(name: String) throws {
        let run = SmallRun(folder: folder)
        try run.run()
        let path = try #require(run.checkpoints.paths.last)
        let file = URL(fileURLWithPath: "\(path)/\(name)")
        let content = try Data(contentsOf: file)
        try content.dropLast(content.count / 2).write(to: file)
        var error = #expect(throws: CheckpointError.self) { try CheckpointFolder.read(path) }
        if name != "SHA256SUMS" { #expect(error == .damaged(path, reason: "\(name) is not what was written")) }
        try FileManager.default.removeItem(at: file)
        error = #expect(throws: CheckpointError.self) { try CheckpointFolder.read(path) }
        #expect(error == .damaged(path, reason: "there is no file \(name)"))
        // A pipe would keep the reader waiting.
        mkfifo(file.path, 0o600)
        #expect(
            throws: CheckpointError.damaged(
                path, reason: "\(name) cannot be read: it is a pipe, and a regular file is needed")
        ) {
            try CheckpointFolder.read(path)
        }
        #expect(try run.checkpoints.readLatest().damaged.count == 1)
    }

    @Test func scoresAreCompared() {
        func score(_ accuracy: Double?, _ error: Double?, _ loss: Double) -> Score {
            Score(examples: 1, loss: loss, accuracy: accuracy, error: error)
        }
        #expect(score(0.9, nil, 5).isBetter(than: score(0.8, nil, 1)))
        #expect(score(0.9, nil, 1).isBetter(than: score(0.9, nil, 2)))
        #expect(score(nil, 0.1, 5).isBetter(than: score(nil, 0.2, 1)))
        #expect(!score(nil, nil, .nan).isBetter(than: score(nil, nil, 2)))
        #expect(score(nil, nil, 2).isBetter(than: score(nil, nil, .nan)))
        #expect(!score(nil, nil, 2).isBetter(than: score(nil, nil, 2)))
    }
}
