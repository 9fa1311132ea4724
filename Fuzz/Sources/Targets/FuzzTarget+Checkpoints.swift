import Checksums
import Datasets
import Foundation
import KFAC
import Torch
import TorchNN
import Training

extension FuzzTarget {
    /// The files of a checkpoint, each in the place of a good one; the hashes are right, but for those that are the
    /// input.
    static let checkpoints: [FuzzTarget] = [
        checkpoint("checkpoint-manifest", file: "manifest.json", of: [.adam], executions: 150),
        checkpoint("checkpoint-sums", file: "SHA256SUMS", of: [.adam], executions: 100),
        checkpoint("checkpoint-model", file: "model.safetensors", of: [.adam], executions: 100),
        checkpoint("checkpoint-baselines", file: "state.safetensors", of: FuzzMethod.baselines, executions: 100),
        checkpoint("checkpoint-kfac", file: "state.safetensors", of: FuzzMethod.kfac, executions: 120),
    ]

    private static func checkpoint(
        _ name: String, file: String, of methods: [FuzzMethod], executions: Int
    ) -> FuzzTarget {
        let folder = ScratchFile("scratch").folder
        let isText = !file.hasSuffix(".safetensors")
        let rewrite =
            isText ? file.hasSuffix(".json") ? JSONRewriting.rewrite : nil : TensorRewriting.rewrite
        @Sendable func example(_ method: FuzzMethod) throws -> [UInt8] {
            try FuzzCheckpoint(folder: folder, method: method).example(file)
        }
        return FuzzTarget(
            name, executions: executions, isText: isText,
            refusals: [CheckpointError.self, SnapshotError.self, ModuleStateError.self, OptimizerError.self],
            repair: isText ? nil : repairLength, rewrite: rewrite,
            examples: { try methods.map(example) },
            body: { bytes in
                // States of several methods tell which.
                let name = methods.count > 1 ? (try? Safetensors(data: Data(bytes)))?.metadata["method"] : nil
                let method = methods.first { $0.rawValue == name } ?? methods[0]
                try FuzzCheckpoint(folder: folder, method: method).resume(with: bytes, in: file)
            })
    }
}

/// A short run that is resumed from a checkpoint.
private struct FuzzCheckpoint {
    let folder: String
    let method: FuzzMethod

    private static let steps = 6
    private static let files = ["manifest.json", "model.safetensors", "state.safetensors"]

    /// A file of the good checkpoint; a state tells the method.
    func example(_ file: String) throws -> [UInt8] {
        let content = try Data(contentsOf: URL(fileURLWithPath: "\(try good())/\(file)"))
        guard file == "state.safetensors" else { return Array(content) }
        let tensors = try Safetensors(data: content).tensors
        return Array(Safetensors(tensors: tensors, metadata: ["method": method.rawValue]).encoded())
    }

    /// Resumes from a good checkpoint with one of its files replaced, does some steps, and resumes from what these
    /// leave.
    func resume(with bytes: [UInt8], in file: String) throws {
        let good = try good()
        let damaged = "\(folder)/damaged"
        try FileManager.default.createDirectory(atPath: damaged, withIntermediateDirectories: true)
        var sums = ""
        for name in Self.files {
            let content = name == file ? bytes : Array(try Data(contentsOf: URL(fileURLWithPath: "\(good)/\(name)")))
            try Data(content).write(to: URL(fileURLWithPath: "\(damaged)/\(name)"))
            sums += "\(SHA256.hexDigest(of: content))  \(name)\n"
        }
        let hashes = file == "SHA256SUMS" ? bytes : Array(sums.utf8)
        try Data(hashes).write(to: URL(fileURLWithPath: "\(damaged)/SHA256SUMS"))
        let checkpoint = try CheckpointFolder.read(damaged)

        let written = CheckpointFolder(path: "\(folder)/written")
        try? FileManager.default.removeItem(atPath: written.path)
        let summary = try train(steps: Self.steps + 3, from: checkpoint, in: written)
        try require(summary.outcome == .completed, "\(summary.outcome)")
        // A run that was complete writes nothing more.
        guard summary.steps > checkpoint.manifest.progress.summary.steps else { return }
        let again = try written.readLatest().checkpoint
        try require(again.manifest.progress.summary.steps == summary.steps, "other steps are written than were done")
        do { try train(steps: Self.steps + 4, from: again, in: written) } catch let error as OptimizerError {
            throw error
        } catch { throw FuzzFault("what was written is refused: \(error)") }
    }

    /// The checkpoint of a run in which nothing was wrong, written once; without times, so that it is the same each
    /// time.
    private func good() throws -> String {
        let place = CheckpointFolder(path: "\(folder)/\(method)")
        if let path = place.paths.last { return path }
        let timed = CheckpointFolder(path: "\(folder)/\(method)-timed")
        try train(steps: Self.steps, in: timed)
        var checkpoint = try timed.readLatest().checkpoint
        checkpoint.manifest.progress.epochSeconds = 0
        checkpoint.manifest.progress.best?.seconds = 0
        var summary = checkpoint.manifest.progress.summary
        (summary.setUpSeconds, summary.trainingSeconds) = (0, 0)
        (summary.evaluationSeconds, summary.checkpointSeconds) = (0, 0)
        for index in summary.phases.indices { summary.phases[index].seconds = 0 }
        summary.lastEvaluation?.seconds = 0
        checkpoint.manifest.progress.summary = summary
        return try place.write(checkpoint).path
    }

    @discardableResult
    private func train(
        steps: Int, from checkpoint: Checkpoint? = nil, in place: CheckpointFolder
    ) throws -> RunSummary {
        let problem = FuzzProblem()
        let sampler = BatchSampler(count: problem.trainingCount, batchSize: 5, generator: RandomGenerator(seed: 5))
        let trainer = Trainer(
            length: .steps(steps), sampler: sampler, optimizerName: "fuzz", evaluationPeriod: 4,
            averaging: .exponential(decay: 0.5),
            checkpoints: CheckpointPlan(folder: place, interval: nil, keepsBest: false, settings: ["seed": "1"]))
        return try trainer.run(problem, with: method.optimizer(problem.parameters), from: checkpoint)
    }
}
