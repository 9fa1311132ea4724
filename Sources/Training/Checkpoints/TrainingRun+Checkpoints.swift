import Datasets
import KFAC
import Torch

extension TrainingRun {
    /// Writes a checkpoint where a number of steps, a time or the best score so far asks for one.
    mutating func writeCheckpointIfDue() throws {
        guard let plan = trainer.checkpoints, summary.steps > lastCheckpoint.steps else { return }
        let isBest = plan.keepsBest && progress.best?.steps == summary.steps
        let isPeriod = plan.period.map { summary.steps.isMultiple(of: $0) } ?? false
        let isTime = plan.interval.map { lastCheckpoint.time.duration(to: clock.now) >= .seconds($0) } ?? false
        if isBest || isPeriod || isTime { try writeCheckpoint() }
    }

    /// Writes where the run stands.
    mutating func writeCheckpoint() throws {
        guard let plan = trainer.checkpoints else { return }
        let start = clock.now
        let checkpoint = try during(.checkpoint) { self.checkpoint(plan) }
        // Somebody else's folder may have the name of the run's by now.
        try requirePlace(of: plan.folder)
        let (path, byteCount): (String, Int)
        do { (path, byteCount) = try during(.checkpoint) { try plan.folder.add(checkpoint) } } catch {
            // Where the folder was moved meanwhile, that is the reason.
            try requirePlace(of: plan.folder)
            throw error
        }
        let seconds = start.duration(to: clock.now) / .seconds(1)
        summary.checkpointSeconds += seconds
        lastCheckpoint = (summary.steps, clock.now)
        try send(
            .checkpoint(
                TrainingEvent.CheckpointResult(
                    steps: summary.steps, path: path, byteCount: byteCount, seconds: seconds)))
    }

    /// Makes sure that the folder of the run is still the one that it began in.
    private func requirePlace(of folder: CheckpointFolder) throws(RunFolderError) {
        guard FolderIdentity(path: folder.parent) == place else { throw .moved(folder.parent) }
    }

    private func checkpoint(_ plan: CheckpointPlan) -> Checkpoint {
        var state = Snapshot()
        state.set("optimizer", optimizer.state())
        let position = sampler.state
        state.set("sampler.generator", position.generator)
        if let average { state.under("average") { average.save(to: &$0) } }
        var progress = progress
        progress.samplerStep = position.step
        progress.samplerEpoch = position.epoch
        progress.samplerDealt = position.dealt
        progress.sinkStates = Dictionary(uniqueKeysWithValues: sinks.map { ($0.name, $0.state) })
        let device = problem.parameters.first?.tensor.device ?? .cpu
        let manifest = CheckpointManifest(
            problem: problem.name, optimizer: trainer.optimizerName, device: "\(device)", threads: Runtime.threadCount,
            products: Runtime.matrixProducts, libtorch: Runtime.version, settings: plan.settings,
            arguments: plan.arguments,
            data: problem.dataFingerprint, progress: progress)
        return Checkpoint(manifest: manifest, model: problem.state(), state: state)
    }

    /// Puts everything to where a checkpoint was written; operations for which there is not enough memory are an error.
    mutating func resume(from checkpoint: Checkpoint) throws {
        var run = self
        try during(.resumption) { try run.restore(checkpoint) }
        // Nothing is dropped from files before it can be written again.
        if let folder = trainer.checkpoints?.folder {
            try folder.prepare()
            // Else, newer ones of another continuation would be kept instead of those of this one.
            _ = try folder.setAside(after: "", of: checkpoint.manifest.progress.summary.steps)
        }
        for sink in sinks { if let state = run.progress.sinkStates[sink.name] { try sink.restore(state) } }
        self = run
    }

    private var sinks: [any ResumableSink] { trainer.sinks.compactMap { $0 as? any ResumableSink } }

    /// Puts everything to where a checkpoint was written.
    private mutating func restore(_ checkpoint: Checkpoint) throws {
        try trainer.check(checkpoint, problem: problem)
        let manifest = checkpoint.manifest
        let reader = SnapshotReader(checkpoint.state, of: "the run")
        if !manifest.progress.isPossible { reader.fault("it counts what cannot be") }
        reader.skip("optimizer")
        let generator = reader.bytes("sampler.generator") ?? []
        if let average { average.restore(from: reader.under("average")) }
        let position = BatchSampler.State(
            step: manifest.progress.samplerStep, epoch: manifest.progress.samplerEpoch,
            dealt: manifest.progress.samplerDealt, generator: generator)
        var sampler = sampler
        do { try sampler.restore(position) } catch { reader.fault(error.reason) }
        try reader.finish()
        try problem.load(state: checkpoint.model)
        try optimizer.load(checkpoint.state.part("optimizer"))
        self.sampler = sampler
        progress = manifest.progress
        progress.summary.outcome = .completed
        progress.summary.setUpSeconds += trainer.setUpSeconds
        if sampler.dealt > 0, progress.epochStepsDone > 0 {
            // The run may have become longer, and with it an epoch that it ended in.
            let left = trainer.length.steps(of: trainer.sampler) - summary.steps
            progress.epochSteps = progress.epochStepsDone + min(sampler.batchesLeft(), left)
        }
        lastCheckpoint = (summary.steps, clock.now)
    }
}

extension Trainer {
    /// Makes sure that a checkpoint is of a run like this one: same problem, data, method and settings, and no more
    /// steps.
    ///
    /// Data that the checkpoint or the problem tells nothing of are not compared.
    ///
    /// - Parameter path: Where the checkpoint is, for the error; nil for where the run's own are.
    /// - Throws: ``CheckpointError/otherData(_:problem:difference:)`` or
    ///   ``CheckpointError/otherSettings(_:difference:)``, which name the differences.
    public func check(_ checkpoint: Checkpoint, at path: String? = nil, problem: some Problem) throws {
        let manifest = checkpoint.manifest
        let path = path ?? checkpoints?.folder.path ?? "that was given"
        // Other data may have other settings, too, a mean for one: what they follow from is told.
        if let difference = DataFingerprint.difference(stored: manifest.data, current: problem.dataFingerprint) {
            throw CheckpointError.otherData(path, problem: problem.name, difference: difference)
        }
        let own = ["problem": problem.name, "optimizer": optimizerName]
        let theirs = ["problem": manifest.problem, "optimizer": manifest.optimizer]
        var difference: String?
        if let checkpoints {
            difference = CheckpointSettings.difference(
                stored: manifest.settings, current: checkpoints.settings, ignoring: checkpoints.changeableSettings)
        }
        difference = difference ?? CheckpointSettings.difference(stored: theirs, current: own, ignoring: [])
        let (steps, done) = (length.steps(of: sampler), manifest.progress.summary.steps)
        if steps < done { difference = difference ?? "it did \(done) steps, and this run is to have \(steps) only" }
        guard let difference else { return }
        throw CheckpointError.otherSettings(path, difference: difference)
    }
}
