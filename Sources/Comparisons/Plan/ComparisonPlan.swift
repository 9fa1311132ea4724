public import Datasets
public import KFAC

/// All that a comparison is to do, decided before it begins.
///
/// First each method is tuned: as many trials as every other, with the same seed, at settings spread over its ranges.
/// Then the setting with the best final value of the metric runs once with each seed. What a seed decides, the initial
/// parameters and the batches, is the same for all methods.
public struct ComparisonPlan: Sendable, Hashable, Codable {
    /// The problem of a comparison, and its conditions.
    public struct Subject: Sendable, Hashable, Codable {
        /// The problem's name.
        public var problem: String
        /// The number of parameters.
        public var parameters: Int
        /// The number of training examples.
        public var trainingExamples: Int
        /// The number of test examples.
        public var testExamples: Int
        /// Other settings of all methods: a device, a number of threads.
        public var conditions: [Setting]
        /// The identity of the data, as ``/Training/Problem/dataFingerprint``; nil where an earlier version wrote the
        /// plan.
        public var data: [String: String]?

        /// Creates a subject.
        public init(
            problem: String, parameters: Int, trainingExamples: Int, testExamples: Int, conditions: [Setting] = [],
            data: [String: String] = [:]
        ) {
            self.problem = problem
            self.parameters = parameters
            self.trainingExamples = trainingExamples
            self.testExamples = testExamples
            self.conditions = conditions
            self.data = data
        }
    }

    /// How the best setting of each method is found.
    public struct Tuning: Sendable, Hashable, Codable {
        /// The number of trials of each method.
        public var trials: Int
        /// The number of steps of a trial.
        public var steps: Int
        /// The seed of all trials.
        public var seed: UInt64

        /// Creates a budget.
        public init(trials: Int, steps: Int, seed: UInt64) {
            self.trials = trials
            self.steps = steps
            self.seed = seed
        }
    }

    /// The problem that is trained.
    public var subject: Subject
    /// Who takes part, at least one, each label once.
    public var methods: [ComparisonMethod]
    /// How the best settings are found.
    public var tuning: Tuning
    /// The number of steps of a final run.
    public var steps: Int
    /// The seeds of the final runs, at least one, each once.
    public var seeds: [UInt64]
    /// The number of examples of a step.
    public var batchSize: BatchSize
    /// The number of steps between tests of the model, which is also tested before the first step and after the last.
    public var evaluationPeriod: Int
    /// The number of test examples that the model is tested on; nil for all of them.
    public var evaluationLimit: Int?
    /// Which average of the parameters over the steps is tested in their place; nil for the parameters themselves.
    public var averaging: ParameterAverage.Rule?
    /// The metric by which settings are chosen and targets reached.
    public var metric: ComparisonMetric
    /// The targets to reach.
    public var targets: [ComparisonTarget]

    /// Creates a plan.
    public init(
        subject: Subject, methods: [ComparisonMethod], tuning: Tuning, steps: Int, seeds: [UInt64],
        batchSize: BatchSize, evaluationPeriod: Int, evaluationLimit: Int? = nil,
        averaging: ParameterAverage.Rule? = nil, metric: ComparisonMetric,
        targets: [ComparisonTarget] = []
    ) {
        self.subject = subject
        self.methods = methods
        self.tuning = tuning
        self.steps = steps
        self.seeds = seeds
        self.batchSize = batchSize
        self.evaluationPeriod = evaluationPeriod
        self.evaluationLimit = evaluationLimit
        self.averaging = averaging
        self.metric = metric
        self.targets = targets
    }

    /// The runs that look for the best settings: trial by trial, all methods in turn.
    ///
    /// A method without anything to choose has none.
    var tuningRuns: [ComparisonRun] {
        (0..<tuning.trials).flatMap { trial in
            methods.filter(\.isTunable).map { method in
                ComparisonRun(
                    method: method.label, part: .tuning(trial: trial),
                    settings: method.settings(ofTrial: trial, outOf: tuning.trials), seed: tuning.seed,
                    steps: tuning.steps)
            }
        }
    }

    /// The runs of the chosen settings: seed by seed, all methods in turn, so that whatever slows the machine down for
    /// a while slows all of them.
    ///
    /// - Parameter choices: The settings by the methods' labels; a method without takes no part.
    func finalRuns(_ choices: [String: [Setting]]) -> [ComparisonRun] {
        seeds.flatMap { seed in
            methods.compactMap { method in
                choices[method.label].map {
                    ComparisonRun(method: method.label, part: .final, settings: $0, seed: seed, steps: steps)
                }
            }
        }
    }
}
