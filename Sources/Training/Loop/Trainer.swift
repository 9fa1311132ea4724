public import Datasets
public import KFAC
import Torch

/// Runs epochs of steps and tests the model after each; tells its sinks what happens.
public struct Trainer {
    /// The number of epochs to do.
    public var epochs: Int
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

    /// Creates a trainer.
    ///
    /// - Parameter epochs: The number of epochs to do, positive.
    public init(
        epochs: Int, sampler: BatchSampler, optimizerName: String, setUpSeconds: Double = 0,
        sinks: [any EventSink] = [], cancellation: Cancellation = Cancellation()
    ) {
        guard epochs > 0 else { fatalError("Trainer: \(epochs) epochs") }
        self.epochs = epochs
        self.sampler = sampler
        self.optimizerName = optimizerName
        self.setUpSeconds = setUpSeconds
        self.sinks = sinks
        self.cancellation = cancellation
    }

    /// Trains until all epochs are done, the end is asked for, or an error occurs.
    ///
    /// An interrupted run returns its summary so far; its last epoch is not tested.
    ///
    /// - Throws: What the optimiser throws, ``KFAC/OptimizerError/lossNotFinite(step:)`` where the loss of a step is
    ///   infinite or NaN, and what a sink throws. The sinks get the end of the run before.
    @discardableResult
    public func run(_ problem: some Problem, with optimizer: any Optimizer) throws -> RunSummary {
        guard sampler.count == problem.trainingCount else {
            fatalError("Trainer: a sampler of \(sampler.count) for \(problem.trainingCount) training examples")
        }
        var run = Run(trainer: self, problem: problem, optimizer: optimizer)
        do {
            try run.start()
            run.summary.outcome = try run.epochs()
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
    let clock = ContinuousClock()

    init(trainer: Trainer, problem: P, optimizer: any Optimizer) {
        self.trainer = trainer
        self.problem = problem
        self.optimizer = optimizer
        sampler = trainer.sampler
        summary = RunSummary(outcome: .completed, setUpSeconds: trainer.setUpSeconds)
    }

    func send(_ event: TrainingEvent) throws {
        for sink in trainer.sinks { try sink.receive(event) }
    }

    func start() throws {
        let device = problem.parameters.first?.tensor.device ?? .cpu
        try send(
            .runStart(
                TrainingEvent.RunStart(
                    problem: problem.name, optimizer: trainer.optimizerName,
                    parameterCount: problem.parameters.reduce(0) { $0 + $1.tensor.count },
                    trainingExamples: problem.trainingCount, testExamples: problem.testCount, epochs: trainer.epochs,
                    stepsPerEpoch: sampler.batchesPerEpoch, batchSize: sampler.batchSize, device: "\(device)",
                    threads: Runtime.threadCount, libtorch: Runtime.version)))
    }

    /// Does all epochs, or as many as nobody objects to.
    mutating func epochs() throws -> RunSummary.Outcome {
        for epoch in 1...trainer.epochs {
            try send(.epochStart(epoch: epoch))
            var result = TrainingEvent.EpochResult(epoch: epoch, steps: 0, loss: 0, seconds: 0)
            var examples = 0
            for _ in 0..<sampler.batchesPerEpoch {
                if let outcome = trainer.cancellation.outcome { return outcome }
                let step = try step(epoch: epoch)
                result.loss += step.loss * Double(step.examples)
                result.seconds += step.seconds
                examples += step.examples
            }
            if let outcome = trainer.cancellation.outcome { return outcome }
            summary.epochs += 1
            result.steps = summary.steps
            result.loss /= Double(examples)
            try evaluate(epoch: epoch)
            try send(.epochEnd(result))
        }
        return .completed
    }

    mutating func step(epoch: Int) throws -> TrainingEvent.StepResult {
        let start = clock.now
        let indices = sampler.next()
        let batch = problem.trainingBatch(at: indices)
        let dataSeconds = start.duration(to: clock.now) / .seconds(1)
        let report = try optimizer.step { problem.loss(of: batch) }
        let loss = report.loss
        let seconds = start.duration(to: clock.now) / .seconds(1)

        summary.steps += 1
        summary.examples += indices.count
        summary.lastLoss = loss
        summary.trainingSeconds += seconds
        summary.add(dataSeconds, to: "data")
        for (phase, seconds) in report.phases { summary.add(seconds, to: phase.rawValue) }

        let result = TrainingEvent.StepResult(
            epoch: epoch, step: report.step, examples: indices.count, loss: loss, learningRate: report.learningRate,
            momentum: report.momentum, damping: report.damping, clipping: report.clipping,
            refreshedInverses: report.refreshedInverses, messages: report.messages.isEmpty ? nil : report.messages,
            seconds: seconds)
        try send(.step(result))
        guard loss.isFinite else { throw OptimizerError.lossNotFinite(step: report.step) }
        return result
    }

    mutating func evaluate(epoch: Int) throws {
        let start = clock.now
        let score = problem.evaluate()
        let seconds = start.duration(to: clock.now) / .seconds(1)
        let evaluation = TrainingEvent.Evaluation(epoch: epoch, steps: summary.steps, score: score, seconds: seconds)
        summary.evaluationSeconds += seconds
        summary.lastEvaluation = evaluation
        try send(.evaluation(evaluation))
    }
}
