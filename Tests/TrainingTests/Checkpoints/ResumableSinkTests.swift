import Foundation
import TestSupport
import Testing
import Torch
import Training

/// A table of the running mean of what events tell.
private final class MeanTable: ResumableSink {
    let name: String
    private let file: LineFile
    private let value: (TrainingEvent) -> Double?
    private var sum = 0.0
    private var count = 0.0

    init(_ name: String, in folder: TemporaryFolder, isResumed: Bool, value: @escaping (TrainingEvent) -> Double?)
        throws
    {
        self.name = name
        self.value = value
        file = try LineFile(path: folder(name), keptByteCount: isResumed ? .max : nil)
    }

    func receive(_ event: TrainingEvent) throws {
        guard let value = value(event) else { return }
        (sum, count) = (sum + value, count + 1)
        try file.append("\(Int(count)),\(sum / count)".utf8)
    }

    var state: SinkState { SinkState(byteCount: file.byteCount, numbers: ["sum": sum, "count": count]) }

    func restore(_ state: SinkState) throws {
        (sum, count) = (state.numbers?["sum"] ?? 0, state.numbers?["count"] ?? 0)
        try file.cut(to: state.byteCount ?? 0)
    }
}

@Suite struct ResumableSinkTests {
    /// Two files of one run, of losses and of tests.
    private func tables(in folder: TemporaryFolder, isResumed: Bool = false) throws -> [any EventSink] {
        [
            try MeanTable("losses.csv", in: folder, isResumed: isResumed) {
                if case .step(let step) = $0 { step.loss } else { nil }
            },
            try MeanTable("tests.csv", in: folder, isResumed: isResumed) {
                if case .evaluation(let evaluation) = $0 { evaluation.score.loss } else { nil }
            },
        ]
    }

    /// Files of a run that is cut off between checkpoints, within a line, end in the bytes of one that is not.
    @Test(arguments: [4, 5, 8, 10]) func twoFilesGoOn(step: Int) throws {
        let whole = TemporaryFolder()
        try SmallRun(folder: whole).run(sinks: tables(in: whole))
        let folder = TemporaryFolder()
        let run = SmallRun(folder: folder)
        let end = Recorder()
        end.onEvent = { if case .step(let result) = $0, result.step == step { throw Recorder.Failure() } }
        #expect(throws: Recorder.Failure.self) { try run.run(sinks: tables(in: folder) + [end]) }
        for name in ["losses.csv", "tests.csv"] {
            let file = try FileHandle(forWritingTo: URL(fileURLWithPath: folder(name)))
            try file.seekToEnd()
            try file.write(contentsOf: Data("99,0.1".utf8))
        }
        let checkpoint = try run.checkpoints.readLatest().checkpoint
        let stored = try #require(checkpoint.manifest.progress.sinks)
        #expect(Set(stored.keys) == ["losses.csv", "tests.csv"])
        try run.run(from: checkpoint, sinks: tables(in: folder, isResumed: true))
        for name in ["losses.csv", "tests.csv"] {
            let expected = try Data(contentsOf: URL(fileURLWithPath: whole(name)))
            #expect(!expected.isEmpty)
            #expect(try Data(contentsOf: URL(fileURLWithPath: folder(name))) == expected, "\(name)")
        }
    }

    /// What does not fit is an error before anything is dropped.
    @Test func aRefusedCheckpointLeavesFilesAlone() throws {
        let folder = TemporaryFolder()
        var run = SmallRun(folder: folder)
        try run.run(sinks: tables(in: folder))
        let checkpoint = try CheckpointFolder.read(run.checkpoints.paths[0])
        let before = try Data(contentsOf: URL(fileURLWithPath: folder("losses.csv")))
        run.hidden = 7
        #expect(throws: (any Error).self) { try run.run(from: checkpoint, sinks: tables(in: folder, isResumed: true)) }
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("losses.csv"))) == before)
    }

    /// A checkpoint of an earlier version tells the length of the metrics only.
    @Test func metricsOfAnEarlierVersionGoOn() throws {
        let folder = TemporaryFolder()
        let run = SmallRun(folder: folder)
        let metrics = try MetricsFile(path: folder("metrics.jsonl"))
        try run.run(sinks: [metrics])
        var checkpoint = try CheckpointFolder.read(run.checkpoints.paths[0])
        let kept = try #require(checkpoint.manifest.progress.metricsByteCount)
        #expect(checkpoint.manifest.progress.sinks == ["metrics.jsonl": SinkState(byteCount: kept)])
        checkpoint.manifest.progress.sinks = nil
        let other = TemporaryFolder()
        let copy = try other.write(Data(contentsOf: URL(fileURLWithPath: folder("metrics.jsonl"))), to: "metrics.jsonl")
        let resumed = try MetricsFile(path: copy, keptByteCount: .max)
        #expect(resumed.byteCount > kept)
        let recorder = Recorder()
        recorder.onEvent = { if case .runStart = $0 { #expect(resumed.byteCount == kept) } }
        try run.run(from: checkpoint, sinks: [recorder, resumed])
    }

    @Test func namesMustDiffer() async {
        await #expect(processExitsWith: .failure) {
            let folders = [TemporaryFolder(), TemporaryFolder()]
            try SmallRun(folder: folders[0]).run(sinks: folders.map { try MetricsFile(path: $0("metrics.jsonl")) })
        }
    }
}
