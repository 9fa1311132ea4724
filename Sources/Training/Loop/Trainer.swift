public import Datasets
public import Foundation
public import KFAC
import Torch

/// Runs steps, tests the model between them, and tells its sinks what happens.
public struct Trainer {
    /// When the run is over.
    public var length: RunLength
    /// Deals out the training examples.
    public var sampler: BatchSampler
    /// The name of the optimiser in reports.
    public var optimizerName: String
    /// The time spent before, on data and model, in seconds; for the summary.
    public var setUpSeconds: Double
    /// Who is told what happens, in this order.
    public var sinks: [any EventSink]
    /// Asks for an early end, between steps.
    public var cancellation: Cancellation
    /// The number of steps between tests of the model; nil for a test after each epoch of a run of epochs.
    ///
    /// In any case the model is tested after the last step.
    public var evaluationPeriod: Int?
    /// The number of test examples that the model is tested on; nil for all of them.
    public var evaluationLimit: Int?
    /// Which average of the parameters over the steps is tested in their place; nil for the parameters themselves.
    ///
    /// The parameters that the run leaves behind are those of the last step.
    public var averaging: ParameterAverage.Rule?
    /// When and where checkpoints are written; nil for none.
    public var checkpoints: CheckpointPlan?

    /// Where the weights of a complete run are written, under the names of ``Problem/weights()``; nil for nowhere.
    ///
    /// Those that were tested: the averaged ones where there is an average.
    public var weightsFile: URL?

    /// Creates a trainer.
    ///
    /// - Parameters:
    ///   - length: When the run is over; after a positive number of epochs or steps.
    ///   - evaluationPeriod: The number of steps between tests, positive; see ``evaluationPeriod``.
    ///   - evaluationLimit: The number of test examples, positive.
    public init(
        length: RunLength, sampler: BatchSampler, optimizerName: String, setUpSeconds: Double = 0,
        sinks: [any EventSink] = [], cancellation: Cancellation = Cancellation(), evaluationPeriod: Int? = nil,
        evaluationLimit: Int? = nil, averaging: ParameterAverage.Rule? = nil, checkpoints: CheckpointPlan? = nil
    ) {
        self.length = length
        self.evaluationPeriod = evaluationPeriod
        self.evaluationLimit = evaluationLimit
        self.averaging = averaging
        self.checkpoints = checkpoints
        self.sampler = sampler
        self.optimizerName = optimizerName
        self.setUpSeconds = setUpSeconds
        self.sinks = sinks
        self.cancellation = cancellation
        requireSettings()
    }

    /// Stops the program where settings are out of bounds, as after a change.
    private func requireSettings() {
        let defect = [
            length.defect,
            evaluationPeriod.flatMap { SettingBounds.testPeriod.defect("the number of steps between tests", $0) },
            evaluationLimit.flatMap { SettingBounds.testLimit.defect("the number of test examples", $0) },
            checkpoints?.defect,
        ].firstDefect
        if let defect { fatalError("Trainer: \(defect)") }
    }

    /// Trains until all steps are done, the end is asked for, or an error occurs.
    ///
    /// An interrupted run returns its summary so far; the model is not tested after its last step. With
    /// ``checkpoints``, one is written then and when the run is complete.
    ///
    /// - Parameters:
    ///   - problem: What is trained. A run that continues from a checkpoint takes its state over.
    ///   - optimizer: Trains it; new where the run continues from a checkpoint, whose state it takes over.
    ///   - checkpoint: Where an earlier run of the same settings stood: this one ends in the same bits as that one
    ///     would have.
    /// - Throws: What the optimiser throws, ``/Optimization/OptimizerError/lossNotFinite(step:)`` where the loss of a
    ///   step that was taken is infinite or NaN, ``TrainingDataError`` where a batch cannot be used,
    ///   ``TrainingMemoryError`` where there is not enough memory beside a step, what a sink throws, what does not fit
    ///   in a checkpoint, and ``CheckpointError`` where one cannot be written. The sinks get the end of the run before,
    ///   where it has begun.
    @discardableResult
    public func run(
        _ problem: some Problem, with optimizer: any Optimizer, from checkpoint: Checkpoint? = nil
    ) throws -> RunSummary {
        requireSettings()
        requireDistinctNames(problem.parameters, in: "Trainer")
        requireDistinctNames(sinks)
        guard sampler.count == problem.trainingCount else {
            fatalError("Trainer: a sampler of \(sampler.count) for \(problem.trainingCount) training examples")
        }
        var run = TrainingRun(trainer: self, problem: problem, optimizer: optimizer)
        if let checkpoint {
            try run.resume(from: checkpoint)
        } else if let folder = checkpoints?.folder, !folder.paths.isEmpty {
            throw CheckpointError.occupied(folder.path)
        }
        do {
            run.progress.summary.outcome = try run.run()
        } catch {
            run.progress.summary.outcome = .failed(reason: "\(error)")
            // The first error is the one to tell; a sink that failed may well fail again.
            for sink in sinks { try? sink.receive(.runEnd(run.progress.summary)) }
            throw error
        }
        try run.send(.runEnd(run.progress.summary))
        return run.progress.summary
    }
}
