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
        #expect(throws: CheckpointError.damaged(path, reason: "there is no file \(name)")) {
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
