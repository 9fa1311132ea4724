import Foundation
import KFAC
import TestSupport
import Testing
import Torch

@testable import Training

@Suite struct MetricsTests {
    let folder = TemporaryFolder()

    private func lines(_ name: String) throws -> [String] {
        try String(contentsOfFile: folder(name), encoding: .utf8).split(separator: "\n").map(String.init)
    }

    @Test func eachEventIsALine() throws {
        let file = try MetricsFile(path: folder("metrics.jsonl"))
        try file.receive(
            .runStart(
                TrainingEvent.RunStart(
                    problem: "Line", optimizer: "sgd", parameterCount: 2, trainingExamples: 10, testExamples: 5,
                    errorName: nil, epochs: 1, steps: 3, stepsPerEpoch: 3, batchSize: 4, lastBatchSize: nil,
                    evaluations: 1, device: "cpu", threads: 2, libtorch: "1.2.3")))
        try file.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3)))
        var step = TrainingEvent.StepResult(
            epoch: 1, step: 0, examples: 4, loss: 0.5, learningRate: 0.25, momentum: 0.75, damping: nil, clipping: nil,
            refreshedInverses: 0, seconds: 0.125)
        try file.receive(.step(step))
        step.loss = .nan
        step.damping = 0.5
        step.clipping = 1
        step.guards = [
            .stepRejected(reason: .lossNotFinite), .inverseRepaired(layer: "a", rung: .moreDamping(factor: 10)),
            .deadLayer(layer: "b"),
        ]
        try file.receive(.step(step))
        let evaluation = TrainingEvent.Evaluation(
            epoch: 1, steps: 3, score: Score(examples: 5, loss: 2, accuracy: 0.5), seconds: 0.25)
        try file.receive(.evaluation(evaluation))
        try file.receive(.epochEnd(TrainingEvent.EpochResult(epoch: 1, steps: 3, loss: 0.5, seconds: 0.5)))
        var summary = RunSummary(outcome: .interrupted(signal: 2))
        summary.add(0.5, to: "data")
        summary.count(step.guards ?? [])
        summary.count([.deadLayer(layer: "c")])
        try file.receive(.runEnd(summary))

        #expect(
            try lines("metrics.jsonl") == [
                #"{"event":"run_start","batch_size":4,"device":"cpu","epochs":1,"evaluations":1,"libtorch":"1.2.3","#
                    + #""optimizer":"sgd","parameter_count":2,"problem":"Line","steps":3,"steps_per_epoch":3,"#
                    + #""test_examples":5,"threads":2,"training_examples":10}"#,
                #"{"event":"epoch_start","epoch":1,"steps":3}"#,
                #"{"event":"step","epoch":1,"examples":4,"learning_rate":0.25,"loss":0.5,"momentum":0.75,"#
                    + #""refreshed_inverses":0,"seconds":0.125,"step":0}"#,
                #"{"event":"step","clipping":1,"damping":0.5,"epoch":1,"examples":4,"guards":["#
                    + #"{"step_rejected":{"reason":{"loss_not_finite":{}}}},"#
                    + #"{"inverse_repaired":{"layer":"a","rung":{"more_damping":{"factor":10}}}},"#
                    + #"{"dead_layer":{"layer":"b"}}],"learning_rate":0.25,"loss":"NaN","#
                    + #""momentum":0.75,"refreshed_inverses":0,"seconds":0.125,"step":0}"#,
                #"{"event":"evaluation","epoch":1,"score":{"accuracy":0.5,"examples":5,"loss":2},"seconds":0.25,"#
                    + #""steps":3}"#,
                #"{"event":"epoch_end","epoch":1,"loss":0.5,"seconds":0.5,"steps":3}"#,
                #"{"event":"run_end","checkpoint_seconds":0,"epochs":0,"evaluation_seconds":0,"examples":0,"#
                    + #""guards":{"deadLayer":2,"inverseRepaired":1,"stepRejected":1},"#
                    + #""outcome":{"signal":2,"status":"interrupted"},"phases":[{"phase":"data","seconds":0.5}],"#
                    + #""set_up_seconds":0,"steps":0,"training_seconds":0}"#,
            ])
    }

    /// Nothing waits in a buffer: what a killed process wrote is there.
    @Test func linesAreThereAtOnce() throws {
        let file = try MetricsFile(path: folder("metrics.jsonl"))
        for epoch in 1...3 {
            try file.receive(.epochStart(TrainingEvent.EpochStart(epoch: epoch, steps: 3)))
            #expect(try lines("metrics.jsonl").count == epoch)
        }
    }

    @Test func writesNoFileTwice() throws {
        try folder.write(Array("old\n".utf8), to: "metrics.jsonl")
        #expect(throws: RunFolderError.notWritable(folder("metrics.jsonl"), reason: "File exists")) {
            _ = try MetricsFile(path: folder("metrics.jsonl"))
        }
        #expect(try lines("metrics.jsonl") == ["old"])
    }

    @Test(arguments: [
        RunSummary.Outcome.completed, .interrupted(signal: nil), .interrupted(signal: 15), .failed(reason: "why"),
    ])
    func outcomesCanBeReadBack(outcome: RunSummary.Outcome) throws {
        let data = try JSONEncoder().encode(outcome)
        #expect(try JSONDecoder().decode(RunSummary.Outcome.self, from: data) == outcome)
    }
}

@Suite struct RunFolderTests {
    let folder = TemporaryFolder()

    @Test func createsFoldersOnTheWay() throws {
        struct Settings: Encodable {
            let batchSize: Int
        }
        let run = try RunFolder(path: folder("a/b/run"), settings: Settings(batchSize: 3))
        try run.metrics.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3)))
        let config = try String(contentsOfFile: folder("a/b/run/config.json"), encoding: .utf8)
        #expect(config == "{\n  \"batch_size\" : 3\n}\n")
        #expect(FileManager.default.fileExists(atPath: folder("a/b/run/metrics.jsonl")))
    }

    /// Lines that are added later begin where one ended, whatever happened to the file.
    @Test(arguments: [("{}\n{}\n{}\n", 6, 6), ("{}\n{\"ev", 20, 3), ("{}\n{\"event\":1}\n", 8, 3), ("", 5, 0)])
    func goesOnAfterAWholeLine(content: String, kept: Int, size: Int) throws {
        let path = try folder.write(content.utf8, to: "metrics.jsonl")
        let file = try MetricsFile(path: path, keptByteCount: kept)
        #expect(file.byteCount == size)
        try file.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3)))
        let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n")
        #expect(try lines.allSatisfy { try JSONSerialization.jsonObject(with: Data($0.utf8)) is [String: Any] })
    }

    /// To open a pipe would be to wait for a reader.
    @Test func refusesAPipe() throws {
        #expect(mkfifo(folder("metrics.jsonl"), 0o600) == 0)
        #expect(
            throws: RunFolderError.interrupted(
                folder("metrics.jsonl"), reason: "it is a pipe or a device, and a regular file is needed")
        ) { _ = try MetricsFile(path: folder("metrics.jsonl"), keptByteCount: 5) }
    }

    @Test func takesAnEmptyFolder() throws {
        try FileManager.default.createDirectory(atPath: folder("run"), withIntermediateDirectories: false)
        _ = try RunFolder(path: folder("run"), settings: ["seed": 1])
        #expect(FileManager.default.fileExists(atPath: folder("run/config.json")))
    }

    @Test(arguments: ["config.json", "metrics.jsonl", "weights.safetensors", "plan.json"])
    func leavesAnotherRunAlone(file: String) throws {
        try folder.write(Array("old".utf8), to: file)
        let error = #expect(throws: RunFolderError.self) { _ = try RunFolder(path: folder.path, settings: ["a": 1]) }
        #expect(error?.description == "\(folder.path) already holds a run: give another folder for the output")
        #expect(folder.names == [file])
        #expect(try String(contentsOfFile: folder(file), encoding: .utf8) == "old")
    }

    @Test func leavesNothingWhereItCannotWrite() throws {
        try folder.write([1], to: "file")
        let error = #expect(throws: RunFolderError.self) {
            _ = try RunFolder(path: folder("file/run"), settings: ["a": 1])
        }
        #expect(
            error?.description
                == "\(folder("file/run")) cannot be written: Not a directory: give another folder for the output")
        // A name that no file system takes, below a folder that is created on the way.
        let long = "new/" + String(repeating: "x", count: 300)
        #expect(throws: RunFolderError.notWritable(folder(long), reason: "File name too long")) {
            _ = try RunFolder(path: folder(long), settings: ["a": 1])
        }
        #expect(folder.names == ["file"])
    }

    /// A name that is taken, by another process, too, that asks in the same second, gives another name.
    @Test func newFoldersAreNamedAfterTheRun() throws {
        let date = Calendar(identifier: .gregorian).date(
            from: DateComponents(year: 2026, month: 3, day: 4, hour: 5, minute: 6, second: 7))!
        func next() throws -> OwnedFolder {
            try .unused(in: folder("runs"), problem: "My data/1", optimizer: "kfac", date: date)
        }
        let folders = try [next(), next(), next()]
        let first = folder("runs/my_data_1-kfac-20260304-050607")
        #expect(folders.map(\.path) == [first, "\(first)-2", "\(first)-3"])
    }

    /// Who does not get a folder, or cannot begin in it, leaves what is another's.
    @Test func onlyWhatWasMadeIsRemoved() throws {
        do {
            let winner = try RunFolder(path: folder("a/run"), settings: ["seed": 1])
            #expect(throws: RunFolderError.busy(folder("a/run"))) {
                _ = try RunFolder(path: folder("a/run"), settings: ["seed": 2])
            }
            try winner.metrics.receive(.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3)))
        }
        #expect(throws: RunFolderError.holdsRun(folder("a/run"))) {
            _ = try RunFolder(path: folder("a/run"), settings: ["seed": 2])
        }
        let config = try String(contentsOfFile: folder("a/run/config.json"), encoding: .utf8)
        #expect(config == "{\n  \"seed\" : 1\n}\n")
        #expect(try lineCount("a/run/metrics.jsonl") == 1)
        // Something appears between the making of a folder and the run's beginning in it.
        let place = try OwnedFolder(path: folder("b/c/run"))
        try folder.write([], to: "b/c/run/metrics.jsonl")
        #expect(throws: RunFolderError.holdsRun(place.path)) { _ = try RunFolder(place, settings: ["seed": 1]) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("b/c/run")) == ["metrics.jsonl"])
    }

    private func lineCount(_ name: String) throws -> Int {
        try String(contentsOfFile: folder(name), encoding: .utf8).split(separator: "\n").count
    }

    /// No line goes into what has its name now; the last one, in the moved file, says why the run ended.
    @Test(arguments: [false, true]) func aFolderThatIsMovedIsNoticed(isReplaced: Bool) throws {
        let run = try RunFolder(path: folder("run"), settings: ["seed": 1])
        let event = TrainingEvent.epochStart(TrainingEvent.EpochStart(epoch: 1, steps: 3))
        try run.metrics.receive(event)
        try FileManager.default.moveItem(atPath: folder("run"), toPath: folder("moved"))
        if isReplaced { _ = try RunFolder(path: folder("run"), settings: ["seed": 2]) }
        let error = #expect(throws: RunFolderError.self) { try run.metrics.receive(event) }
        #expect(
            error?.description
                == "\(folder("run"))/metrics.jsonl was moved, removed or replaced during the run: "
                + "resume the run from its folder's new place")
        try run.metrics.receive(.runEnd(RunSummary(outcome: .failed(reason: "it was moved"))))
        #expect(try lineCount("moved/metrics.jsonl") == 2)
        #expect(FileManager.default.fileExists(atPath: folder("run")) == isReplaced)
        if isReplaced { #expect(try lineCount("run/metrics.jsonl") == 0) }
    }
}
