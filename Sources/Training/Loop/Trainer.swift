public import Datasets
public import KFAC
import Torch

/// Runs steps, tests the model between them, and tells its sinks what happens.
public struct Trainer {
    /// When the run is over.
    public var length: RunLength
    /// Deals out the training examples.
    public var sampler: BatchSampler
    /// What the optimiser is called, for reports.
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

    /// Creates a trainer.
    ///
    /// - Parameters:
    ///   - length: When the run is over; after a positive number of epochs or steps.
    ///   - evaluationPeriod: The number of steps between tests, positive; see ``evaluationPeriod``.
    ///   - evaluationLimit: The number of test examples, positive.
    public init(
        length: RunLength, sampler: BatchSampler, optimizerName: String, setUpSeconds: Double = 0,
        sinks: [any EventSink] = [], cancellation: Cancellation = Cancellation(), evaluationPeriod: Int? = nil,
        evaluationLimit: Int? = nil, averaging: ParameterAverage.Rule? = nil
    ) {
        guard length.isPositive, evaluationPeriod ?? 1 > 0, evaluationLimit ?? 1 > 0 else {
            fatalError(
                "Trainer: \(length), tests each \(evaluationPeriod ?? 1) steps on \(evaluationLimit ?? 1) examples")
        }
        self.length = length
        self.evaluationPeriod = evaluationPeriod
        self.evaluationLimit = evaluationLimit
        self.averaging = averaging
        self.sampler = sampler
        self.optimizerName = optimizerName
        self.setUpSeconds = setUpSeconds
        self.sinks = sinks
        self.cancellation = cancellation
    }

    /// Trains until all steps are done, the end is asked for, or an error occurs.
    ///
    /// An interrupted run returns its summary so far; the model is not tested after its last step.
    ///
    /// - Throws: What the optimiser throws, ``KFAC/OptimizerError/lossNotFinite(step:)`` where the loss of a step that was
    ///   taken is infinite or NaN, and what a sink throws. The sinks get the end of the run before.
    @discardableResult
    public func run(_ problem: some Problem, with optimizer: any Optimizer) throws -> RunSummary {
        guard sampler.count == problem.trainingCount else {
            fatalError("Trainer: a sampler of \(sampler.count) for \(problem.trainingCount) training examples")
        }
        var run = Run(trainer: self, problem: problem, optimizer: optimizer)
        do {
            run.summary.outcome = try run.run()
        } catch {
            run.summary.outcome = .failed(reason: "\(error)")
            // The first error is the one to tell; a sink that failed may well fail again.
            for sink in sinks { try? sink.receive(.runEnd(run.summary)) }
            throw error
        }
        try run.send(.runEnd(run.summary))
        return run.summary
    }
}

/// A run in progress.
private struct Run<P: Problem> {
    let trainer: Trainer
    let problem: P
    let optimizer: any Optimizer
    var sampler: BatchSampler
    var summary: RunSummary
    let average: ParameterAverage?
    let clock = ContinuousClock()

    init(trainer: Trainer, problem: P, optimizer: any Optimizer) {
        self.trainer = trainer
        self.problem = problem
        self.optimizer = optimizer
        sampler = trainer.sampler
        average = trainer.averaging.map { ParameterAverage(problem.parameters, rule: $0) }
        summary = RunSummary(outcome: .completed, setUpSeconds: trainer.setUpSeconds)
    }

    func send(_ event: TrainingEvent) throws {
        for sink in trainer.sinks { try sink.receive(event) }
    }

    private var start: TrainingEvent.RunStart {
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
            epochs: length.epochs, steps: steps, stepsPerEpoch: size.isConstant ? sampler.batchesLeft() : nil,
            batchSize: size(sampler.step, of: sampler.count),
            lastBatchSize: size.isConstant ? nil : size(sampler.step + steps - 1, of: sampler.count),
            evaluations: evaluations, device: "\(device)", threads: Runtime.threadCount, libtorch: Runtime.version)
    }

    /// Does all steps, or as many as nobody objects to.
    mutating func run() throws -> RunSummary.Outcome {
        let start = start
        try send(.runStart(start))
        var epoch = 0
        while summary.steps < start.steps {
            epoch += 1
            if let outcome = try run(epoch: epoch, of: start) { return outcome }
        }
        return .completed
    }

    /// Does the steps of an epoch; returns nil where the run goes on.
    private mutating func run(epoch: Int, of start: TrainingEvent.RunStart) throws -> RunSummary.Outcome? {
        let steps = min(sampler.batchesLeft(), start.steps - summary.steps)
        try send(.epochStart(TrainingEvent.EpochStart(epoch: epoch, steps: steps)))
        var result = TrainingEvent.EpochResult(epoch: epoch, steps: 0, loss: 0, seconds: 0)
        var examples = 0
        for number in 1...steps {
            if let outcome = trainer.cancellation.outcome { return outcome }
            let step = try step(epoch: epoch)
            if step.loss.isFinite {
                result.loss += step.loss * Double(step.examples)
                examples += step.examples
            }
            result.seconds += step.seconds
            if isEvaluationDue(of: start, isEpochEnd: number == steps) {
                if let outcome = trainer.cancellation.outcome { return outcome }
                try evaluate(epoch: epoch)
            }
        }
        if let outcome = trainer.cancellation.outcome { return outcome }
        // Whether the epoch is over, or only the run.
        guard sampler.dealt == 0 else { return nil }
        summary.epochs += 1
        result.steps = summary.steps
        result.loss /= Double(examples)
        try send(.epochEnd(result))
        return nil
    }

    /// Whether the model is to be tested after the step that was just done.
    private func isEvaluationDue(of start: TrainingEvent.RunStart, isEpochEnd: Bool) -> Bool {
        if summary.steps == start.steps { return true }
        guard let period = trainer.evaluationPeriod else { return isEpochEnd && start.epochs != nil }
        return summary.steps.isMultiple(of: period)
    }

    mutating func step(epoch: Int) throws -> TrainingEvent.StepResult {
        let start = clock.now
        let indices = sampler.next()
        let batch = problem.trainingBatch(at: indices)
        let dataSeconds = start.duration(to: clock.now) / .seconds(1)
        let report = try optimizer.step(examples: indices.count) { range in
            problem.loss(of: problem.part(range, of: batch))
        }
        average?.update()
        let loss = report.loss
        let seconds = start.duration(to: clock.now) / .seconds(1)

        summary.steps += 1
        summary.examples += indices.count
        summary.lastLoss = loss
        summary.trainingSeconds += seconds
        summary.count(report.guards)
        summary.add(dataSeconds, to: "data")
        for (phase, seconds) in report.phases { summary.add(seconds, to: phase.rawValue) }

        let result = TrainingEvent.StepResult(
            epoch: epoch, step: report.step, examples: indices.count, loss: loss, learningRate: report.learningRate,
            momentum: report.momentum, damping: report.damping, clipping: report.clipping,
            refreshedInverses: report.refreshedInverses, messages: report.messages.isEmpty ? nil : report.messages,
            guards: report.guards.isEmpty ? nil : report.guards, seconds: seconds,
            details: report.damping == nil ? nil : TrainingEvent.StepResult.Details(report))
        try send(.step(result))
        guard loss.isFinite || result.isRejected else { throw OptimizerError.lossNotFinite(step: report.step) }
        return result
    }

    mutating func evaluate(epoch: Int) throws {
        let start = clock.now
        let limit = trainer.evaluationLimit
        let score = average?.withAverages { problem.evaluate(limit: limit) } ?? problem.evaluate(limit: limit)
        let seconds = start.duration(to: clock.now) / .seconds(1)
        let evaluation = TrainingEvent.Evaluation(epoch: epoch, steps: summary.steps, score: score, seconds: seconds)
        summary.evaluationSeconds += seconds
        summary.lastEvaluation = evaluation
        try send(.evaluation(evaluation))
    }
}
