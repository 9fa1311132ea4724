public import KFAC

/// Something that happens in a run, with all there is to say of it.
///
/// In a run that begins, or continues from a checkpoint, `runStart` comes first and `runEnd` last, whatever happens in
/// between.
public enum TrainingEvent: Sendable {
    /// The run begins.
    case runStart(RunStart)
    /// An epoch begins.
    case epochStart(EpochStart)
    /// A step was done.
    case step(StepResult)
    /// The model was tested.
    case evaluation(Evaluation)
    /// An epoch was completed.
    case epochEnd(EpochResult)
    /// A checkpoint was written.
    case checkpoint(CheckpointResult)
    /// The run ends.
    case runEnd(RunSummary)

    /// The facts of a run.
    public struct RunStart: Sendable, Hashable, Codable {
        /// The name of the problem.
        public var problem: String
        /// The name of the optimiser.
        public var optimizer: String
        /// The number of numbers that are optimised.
        public var parameterCount: Int
        /// The number of training examples.
        public var trainingExamples: Int
        /// The number of test examples.
        public var testExamples: Int
        /// The name of the error in a test's score; nil for none.
        public var errorName: String?
        /// The number of steps that were done before, where the run continues from a checkpoint.
        public var resumedSteps: Int?
        /// The number of epochs to do; nil where the run is over after a number of steps instead.
        public var epochs: Int?
        /// The number of steps to do.
        public var steps: Int
        /// The number of steps in an epoch; nil where it varies.
        public var stepsPerEpoch: Int?
        /// The number of examples of the first step.
        public var batchSize: Int
        /// The number of examples of the last step, where batches grow.
        public var lastBatchSize: Int?
        /// The number of tests of the model.
        public var evaluations: Int
        /// The device of the parameters.
        public var device: String
        /// The number of threads that one operation may use.
        public var threads: Int
        /// The version of libtorch.
        public var libtorch: String
    }

    /// The facts of an epoch.
    public struct EpochStart: Sendable, Hashable, Codable {
        /// The epoch, from 1.
        public var epoch: Int
        /// The number of steps of this run in it.
        public var steps: Int
        /// The number of them that were done before, where the run continues from a checkpoint in the middle of it.
        public var resumedSteps: Int?
    }

    /// The result of one step.
    public struct StepResult: Sendable, Hashable, Codable {
        /// The epoch, from 1.
        public var epoch: Int
        /// The number of the step in the run, from 0.
        public var step: Int
        /// The number of examples of the batch.
        public var examples: Int
        /// The mean loss over the batch, before the step.
        public var loss: Double
        /// The learning rate used.
        public var learningRate: Double
        /// The momentum used.
        public var momentum: Double
        /// The damping used; nil for methods without.
        public var damping: Double?
        /// The factor of the update by clipping; nil for methods without.
        public var clipping: Double?
        /// The number of layers whose inverses were refreshed.
        public var refreshedInverses: Int
        /// The optimiser's messages to the user; nil for none.
        public var messages: [String]?
        /// The interventions of the guards; nil for none.
        public var guards: [GuardEvent]?
        /// The time taken, the making of the batch included, in seconds.
        public var seconds: Double
        /// Details that only some methods know; nil for the others.
        public var details: Details?

        /// Whether the guards rejected the step: the parameters are as before it.
        public var isRejected: Bool { guards?.contains { $0.kind == .stepRejected } == true }

        /// Details that second-order methods know; what a step did not compute is nil.
        public struct Details: Sendable, Hashable, Codable {
            /// The damping of the newest inverses.
            public var preconditionerDamping: Double?
            /// ½ η ‖θ‖², which the objective has besides the loss.
            public var regularization: Double?
            /// The Euclidean norm of the objective's gradient.
            public var gradientNorm: Double?
            /// The Euclidean norm of the parameters' change.
            public var updateNorm: Double?
            /// The change of the objective that the quadratic model predicted.
            public var predictedChange: Double?
            /// The change of the objective on the same batch.
            public var actualChange: Double?
            /// The actual change by the predicted one.
            public var reductionRatio: Double?
            /// Whether the parameters are as before the step: it did harm and was undone, or its numbers were unusable.
            public var isRejected: Bool
            /// Whether the step only averaged statistics.
            public var isBurnIn: Bool
            /// For each layer, how many steps old the statistics of its inverse are.
            public var inverseAges: [String: Int]
            /// For each layer whose inverse failed, what took its place; nil where none has.
            public var repairs: [String: InverseRung]?
            /// The time taken by each phase, in seconds.
            public var phases: [String: Double]

            init(_ report: StepReport) {
                preconditionerDamping = report.preconditionerDamping
                regularization = report.regularization
                gradientNorm = report.gradientNorm
                updateNorm = report.updateNorm
                predictedChange = report.predictedChange
                actualChange = report.actualChange
                reductionRatio = report.reductionRatio
                isRejected = report.isRejected
                isBurnIn = report.isBurnIn
                inverseAges = Dictionary(report.inverses.map { ($0.layer, $0.age) }) { first, _ in first }
                let repaired = report.inverses.compactMap { status in status.repair.map { (status.layer, $0) } }
                repairs = repaired.isEmpty ? nil : Dictionary(repaired) { first, _ in first }
                phases = Dictionary(report.phases.map { ($0.phase.rawValue, $0.seconds) }, uniquingKeysWith: +)
            }
        }
    }

    /// How well the model did when tested.
    public struct Evaluation: Sendable, Hashable, Codable {
        /// The epoch in or after which the model was tested, from 1.
        public var epoch: Int
        /// The number of steps done so far.
        public var steps: Int
        /// How well it did.
        public var score: Score
        /// The time taken, in seconds.
        public var seconds: Double
    }

    /// The result of writing a checkpoint.
    public struct CheckpointResult: Sendable, Hashable, Codable {
        /// The number of steps done so far.
        public var steps: Int
        /// The folder of the checkpoint.
        public var path: String
        /// Its size, in bytes.
        public var byteCount: Int
        /// The time taken, in seconds.
        public var seconds: Double
    }

    /// The result of an epoch.
    public struct EpochResult: Sendable, Hashable, Codable {
        /// The epoch, from 1.
        public var epoch: Int
        /// The number of steps done so far.
        public var steps: Int
        /// The mean of the losses of its steps, weighted by examples: each measured before its step.
        ///
        /// Losses of rejected steps that are not finite do not count; NaN where all are such.
        public var loss: Double
        /// The time taken by the steps, in seconds.
        public var seconds: Double
    }
}
