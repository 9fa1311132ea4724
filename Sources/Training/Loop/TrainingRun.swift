import Datasets
import Foundation
import KFAC
import Torch

/// A run in progress.
struct TrainingRun<P: Problem> {
    let trainer: Trainer
    let problem: P
    let optimizer: any Optimizer
    var sampler: BatchSampler
    /// How far the run is.
    var progress: TrainingProgress
    let average: ParameterAverage?
    /// When the last checkpoint was written, and after how many steps.
    var lastCheckpoint: (steps: Int, time: ContinuousClock.Instant)
    /// The folder that checkpoints' own folder is in; nil where none are written.
    private(set) var place: FolderIdentity?
    let clock = ContinuousClock()

    init(trainer: Trainer, problem: P, optimizer: any Optimizer) {
        self.trainer = trainer
        self.problem = problem
        self.optimizer = optimizer
        sampler = trainer.sampler
        average = trainer.averaging.map { ParameterAverage(problem.parameters, rule: $0) }
        progress = TrainingProgress()
        progress.summary.setUpSeconds = trainer.setUpSeconds
        lastCheckpoint = (0, clock.now)
    }

    var summary: RunSummary {
        get { progress.summary }
        set { progress.summary = newValue }
    }

    func send(_ event: TrainingEvent) throws {
        for sink in trainer.sinks { try sink.receive(event) }
    }

    /// Does something beside the steps; operations for which there is not enough memory are its error.
    func during<Result>(_ activity: TrainingMemoryError.Activity, _ body: () throws -> Result) throws -> Result {
        do { return try checkingMemory(body) } catch let fault as MemoryFault {
            throw TrainingMemoryError(activity: activity, steps: summary.steps, fault: fault)
        }
    }

    private var start: TrainingEvent.RunStart {
        // The whole run's, wherever this part of it begins.
        let sampler = trainer.sampler
        let length = trainer.length
        let steps = length.steps(of: sampler)
        let size = sampler.batchSize
        let evaluations = trainer.evaluationPeriod.map { (steps + $0 - 1) / $0 } ?? length.epochs ?? 1
        let device = problem.parameters.first?.tensor.device ?? .cpu
        return TrainingEvent.RunStart(
            problem: problem.name, optimizer: trainer.optimizerName,
            parameterCount: problem.parameters.reduce(0) { $0 + $1.tensor.count },
            trainingExamples: problem.trainingCount,
            testExamples: min(trainer.evaluationLimit ?? .max, problem.testCount), errorName: problem.errorName,
            resumedSteps: summary.steps > 0 ? summary.steps : nil,
            epochs: length.epochs, steps: steps, stepsPerEpoch: size.isConstant ? sampler.batchesLeft() : nil,
            batchSize: size(sampler.step, of: sampler.count),
            lastBatchSize: size.isConstant ? nil : size(sampler.step + steps - 1, of: sampler.count),
            evaluations: evaluations, device: "\(device)", threads: Runtime.threadCount, libtorch: Runtime.version)
    }

    /// Does all steps, or as many as nobody objects to, and leaves a checkpoint of where it ends.
    mutating func run() throws -> RunSummary.Outcome {
        let start = start
        // A folder that cannot be written is reported before anything is done.
        if let folder = trainer.checkpoints?.folder {
            try folder.prepare()
            place = FolderIdentity(path: folder.parent)
        }
        try send(.runStart(start))
        if progress.epochSteps > 0 { try tellEpoch() }
        let outcome = try steps(of: start)
        if outcome == .completed { try requireAStep() }
        if trainer.checkpoints != nil, lastCheckpoint.steps < summary.steps {
            summary.outcome = outcome
            try writeCheckpoint()
        }
        if outcome == .completed, let file = trainer.weightsFile {
            let weights = try during(.weights) { try withAverages { problem.weights() } }
            do {
                try during(.weights) { try Safetensors(tensors: weights, metadata: ["format": "pt"]).write(to: file) }
            } catch let error as FileWriteError {
                throw RunFolderError.interrupted(file.path, reason: error.reason)
            }
        }
        return outcome
    }

    /// A run in which no step was taken has failed, whatever it leaves behind.
    private func requireAStep() throws {
        guard let reason = progress.lastRejection,
            summary.guards?[GuardEvent.Kind.stepRejected.rawValue] == summary.steps
        else { return }
        throw OptimizerError.stepsRejected(count: summary.steps, step: summary.steps - 1, reason: reason)
    }

    /// Between any two rounds, ``progress`` and the states of model, optimiser and sampler are all that counts.
    private mutating func steps(of start: TrainingEvent.RunStart) throws -> RunSummary.Outcome {
        while true {
            if let outcome = try completeStep(of: start) { return outcome }
            try writeCheckpointIfDue()
            if summary.steps >= start.steps { return .completed }
            if progress.epochSteps == 0 { try openEpoch(of: start) }
            if let outcome = trainer.cancellation.outcome { return outcome }
            try step()
        }
    }

    private mutating func openEpoch(of start: TrainingEvent.RunStart) throws {
        progress.epoch.countOn()
        progress.epochSteps = min(sampler.batchesLeft(), start.steps - summary.steps)
        (progress.epochStepsDone, progress.epochExamples) = (0, 0)
        (progress.epochLoss, progress.epochSeconds) = (0, 0)
        try tellEpoch()
    }

    private func tellEpoch() throws {
        let done = progress.epochStepsDone
        try send(
            .epochStart(
                TrainingEvent.EpochStart(
                    epoch: progress.epoch, steps: progress.epochSteps, resumedSteps: done > 0 ? done : nil)))
    }

    /// Does what is due after a step and was not done yet: a test, the end of the epoch.
    private mutating func completeStep(of start: TrainingEvent.RunStart) throws -> RunSummary.Outcome? {
        guard progress.epochStepsDone > 0 else { return nil }
        let isEpochEnd = progress.epochStepsDone == progress.epochSteps
        if isEvaluationDue(of: start, isEpochEnd: isEpochEnd), summary.lastEvaluation?.steps != summary.steps {
            if let outcome = trainer.cancellation.outcome { return outcome }
            try evaluate()
        }
        guard isEpochEnd else { return nil }
        if let outcome = trainer.cancellation.outcome { return outcome }
        // Only the run is over; where it is made longer, this epoch goes on.
        guard sampler.dealt == 0 else { return nil }
        summary.epochs.countOn()
        try send(
            .epochEnd(
                TrainingEvent.EpochResult(
                    epoch: progress.epoch, steps: summary.steps,
                    loss: progress.epochLoss / Double(progress.epochExamples), seconds: progress.epochSeconds)))
        (progress.epochSteps, progress.epochStepsDone) = (0, 0)
        return nil
    }

    /// Whether the model is to be tested after the step that was just done.
    private func isEvaluationDue(of start: TrainingEvent.RunStart, isEpochEnd: Bool) -> Bool {
        if summary.steps == start.steps { return true }
        guard let period = trainer.evaluationPeriod else { return isEpochEnd && start.epochs != nil }
        return summary.steps.isMultiple(of: period)
    }

    private mutating func step() throws {
        let start = clock.now
        var sampler = sampler
        let (indices, batch) = try during(.batch) {
            let indices = sampler.next()
            return (indices, problem.trainingBatch(at: indices))
        }
        self.sampler = sampler
        let dataSeconds = start.duration(to: clock.now) / .seconds(1)
        let report: StepReport
        do {
            report = try optimizer.step(examples: indices.count) { range in
                problem.loss(of: problem.part(range, of: batch))
            }
        } catch OptimizerError.invalidBatch(let step, _, let fault) {
            throw TrainingDataError(
                step: step, epoch: progress.epoch, example: fault.example.map { Int(indices[$0].scalar) }, fault: fault)
        }
        if let average { try during(.average) { average.update() } }
        let loss = report.loss
        let seconds = start.duration(to: clock.now) / .seconds(1)

        summary.steps.countOn()
        summary.examples.countOn(by: indices.count)
        summary.lastLoss = loss
        summary.trainingSeconds += seconds
        summary.count(report.guards)
        summary.add(dataSeconds, to: "data")
        for (phase, seconds) in report.phases { summary.add(seconds, to: phase.rawValue) }
        progress.epochStepsDone.countOn()
        if loss.isFinite {
            progress.epochExamples.countOn(by: indices.count)
            progress.epochLoss += loss * Double(indices.count)
        }
        progress.epochSeconds += seconds
        for case .stepRejected(let reason) in report.guards { progress.lastRejection = reason }
        let messages = report.messages + (progress.growth(of: loss, step: report.step).map { [$0] } ?? [])

        let result = TrainingEvent.StepResult(
            epoch: progress.epoch, step: report.step, examples: indices.count, loss: loss,
            learningRate: report.learningRate, momentum: report.momentum, damping: report.damping,
            clipping: report.clipping, refreshedInverses: report.refreshedInverses,
            messages: messages.isEmpty ? nil : messages,
            guards: report.guards.isEmpty ? nil : report.guards, seconds: seconds,
            details: report.damping == nil ? nil : TrainingEvent.StepResult.Details(report))
        try send(.step(result))
        guard loss.isFinite || result.isRejected else { throw OptimizerError.lossNotFinite(step: report.step) }
    }

    /// Runs `body` with the averages in the parameters' place, where there are any.
    private func withAverages<Result>(_ body: () throws -> Result) throws -> Result {
        guard let average else { return try body() }
        // Where memory runs out within, the parameters are put back all the same.
        return try average.withAverages { try checkingMemory(body) }
    }

    private mutating func evaluate() throws {
        let start = clock.now
        let limit = trainer.evaluationLimit
        let score = try during(.evaluation) { try withAverages { problem.evaluate(limit: limit) } }
        let seconds = start.duration(to: clock.now) / .seconds(1)
        let evaluation = TrainingEvent.Evaluation(
            epoch: progress.epoch, steps: summary.steps, score: score, seconds: seconds)
        summary.evaluationSeconds += seconds
        summary.lastEvaluation = evaluation
        if progress.best.map({ score.isBetter(than: $0.score) }) ?? true { progress.best = evaluation }
        try send(.evaluation(evaluation))
    }
}
