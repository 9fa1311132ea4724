import Datasets
public import KFAC
public import Torch
public import Training

/// Compares methods on one problem; see ``ComparisonPlan``.
///
/// A run is that of ``/Training/Trainer``, the same for all methods. Its problem is made anew from its seed.
public struct Comparison {
    /// Makes the problem, with initial parameters that a generator draws.
    public typealias MakeProblem = (inout RandomGenerator) throws -> any Problem
    /// Makes the optimiser of a run: of its method, with its settings, for its number of steps.
    public typealias MakeOptimizer = (ComparisonRun, any Problem, RandomGenerator) throws -> any Optimizer

    /// The plan.
    public let plan: ComparisonPlan
    /// Where it is done.
    public let device: Device

    private let makeProblem: MakeProblem
    private let makeOptimizer: MakeOptimizer

    /// Creates a comparison.
    ///
    /// - Parameters:
    ///   - device: Where the problem's parameters are.
    ///   - problem: Makes the problem, the same at each call but for what the generator draws.
    ///   - optimizer: Makes an optimiser of the problem's parameters; the generator is on the device.
    public init(
        plan: ComparisonPlan, device: Device = .cpu, problem: @escaping MakeProblem,
        optimizer: @escaping MakeOptimizer
    ) {
        self.plan = plan
        self.device = device
        makeProblem = problem
        makeOptimizer = optimizer
    }

    /// Does what is still to be done, and writes the report.
    ///
    /// A run in which the loss or the curvature becomes unusable is recorded as one that failed, and the comparison
    /// goes on. The report is written after each run.
    ///
    /// - Parameters:
    ///   - folder: Where records are found and left, with the same plan.
    ///   - cancellation: Asks for an early end, between steps; the run in progress is done anew next time.
    ///   - onEvent: Is told what happens.
    /// - Returns: Whether all was done, or a signal came.
    /// - Throws: What the making of problems and optimisers throws, errors of the optimiser that are the caller's
    ///   fault, ``/Torch/MemoryFault`` and ``/Training/TrainingMemoryError`` where there is not enough memory,
    ///   ``ComparisonError``, ``/Training/RunFolderError``.
    @discardableResult
    public func run(
        in folder: ComparisonFolder, cancellation: Cancellation = Cancellation(),
        onEvent: @escaping (ComparisonEvent) -> Void = { _ in }
    ) throws -> RunSummary.Outcome {
        guard folder.plan == plan else { fatalError("Comparison.run: the folder \(folder.path) has another plan") }
        var session = ComparisonSession(
            comparison: self, folder: folder, cancellation: cancellation, onEvent: onEvent)
        return try session.run()
    }

    /// Does a run.
    ///
    /// - Returns: Its records, nil where it was interrupted, and why it failed, where it did.
    func train(
        _ run: ComparisonRun, cancellation: Cancellation, onEvent: @escaping (ComparisonEvent) -> Void,
        onPoint: @escaping (RunPoint) throws -> Void
    ) throws -> (record: RunRecord, failure: String?)? {
        var generators = RunGenerators(seed: run.seed, device: device)
        let (problem, optimizer) = try checkingMemory {
            let problem = try makeProblem(&generators.parameters)
            return (problem, try makeOptimizer(run, problem, generators.optimizer))
        }
        let recorder = PointRecorder(
            device: device, onStep: { onEvent(.step($0)) },
            onPoint: { point in
                try onPoint(point)
                onEvent(.point(point))
            })
        try recorder.note(checkingMemory { problem.evaluate(limit: plan.evaluationLimit) })
        let trainer = Trainer(
            length: .steps(run.steps),
            sampler: BatchSampler(
                count: problem.trainingCount, batchSize: plan.batchSize,
                // A batch that grows is to have its full size, not what happens to be left.
                partialBatch: plan.batchSize.isConstant ? .keep : .drop, generator: generators.batches),
            optimizerName: run.method, sinks: [recorder], cancellation: cancellation,
            evaluationPeriod: plan.evaluationPeriod, evaluationLimit: plan.evaluationLimit,
            averaging: plan.averaging)
        do {
            let summary = try trainer.run(problem, with: optimizer)
            if case .interrupted = summary.outcome { return nil }
            return (RunRecord(run: run, points: recorder.points), nil)
        } catch let error as OptimizerError where error.isNumerical {
            try recorder.noteFailure()
            return (RunRecord(run: run, points: recorder.points), "\(error)")
        }
    }
}

extension OptimizerError {
    /// Whether numbers got out of hand, as they do with unsuitable settings, rather than the caller made a mistake.
    var isNumerical: Bool {
        switch self {
        case .lossNotFinite, .inversionFailed, .preconditionerFailed, .quadraticModelFailed, .stepsRejected: true
        case .invalidBatch, .nothingToMove, .unreachedParameters, .noCurvature, .unknownNames, .memoryRanOut: false
        }
    }
}
