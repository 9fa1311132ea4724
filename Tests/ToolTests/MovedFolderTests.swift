import Foundation
import TestSupport
import Testing
import Training

/// A folder that is renamed, removed or replaced while a run writes to it.
@Suite struct MovedFolderTests {
    let folder = TemporaryFolder()

    /// Runs for very long, until `change` was made in the middle of it.
    private func run(_ change: () throws -> Void) throws -> Tool.Result {
        let arguments = [
            "train", "--problem", "poisson", "--train-limit", "40", "--batch-size", "20", "--steps", "1000000",
            "--test-limit", "20", "--threads", "1", "--optimizer", "sgd", "--learning-rate", "1e-9", "--output", "run",
            "--checkpoint-period", "20",
        ]
        return try Tool.run(arguments, in: folder) { running in
            while running.isRunning, CheckpointFolder(path: folder("run/checkpoints")).paths.isEmpty {
                Thread.sleep(forTimeInterval: 0.01)
            }
            try change()
        }
    }

    private func expectEnd(_ result: Tool.Result, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(result.status == 1, sourceLocation: sourceLocation)
        let sentences = [
            "Error: run/metrics.jsonl was moved, removed or replaced during the run: resume the run from its folder's "
                + "new place\n",
            "Error: run was moved, removed or replaced during the run: resume the run from its folder's new place\n",
            // In the middle of a checkpoint.
            "Error: the checkpoint run/checkpoints/",
        ]
        #expect(sentences.contains { result.errors.hasPrefix($0) }, "\(result.errors)", sourceLocation: sourceLocation)
        #expect(result.lines.contains { $0.hasPrefix("failed: ") }, sourceLocation: sourceLocation)
    }

    @Test func aRenamedFolderIsNoticed() throws {
        let result = try run { try FileManager.default.moveItem(atPath: folder("run"), toPath: folder("moved")) }
        expectEnd(result)
        #expect(folder.names == ["moved"])
        #expect(try Metric.read(folder("moved/metrics.jsonl")).last?.outcome?.status == "failed")
    }

    @Test func aRemovedFolderIsNoticed() throws {
        let result = try run {
            // Something may appear in it meanwhile.
            while FileManager.default.fileExists(atPath: folder("run")) {
                try? FileManager.default.removeItem(atPath: folder("run"))
            }
        }
        expectEnd(result)
        #expect(folder.names.isEmpty)
    }

    @Test func aReplacedFolderIsLeftAlone() throws {
        let result = try run {
            try FileManager.default.createDirectory(atPath: folder("other"), withIntermediateDirectories: false)
            try folder.write([7], to: "other/metrics.jsonl")
            try FileManager.default.moveItem(atPath: folder("run"), toPath: folder("moved"))
            try FileManager.default.moveItem(atPath: folder("other"), toPath: folder("run"))
        }
        #expect(result.status == 1)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder("run")) == ["metrics.jsonl"])
        #expect(try Data(contentsOf: URL(fileURLWithPath: folder("run/metrics.jsonl"))) == Data([7]))
    }
}
