public import KFAC
import Torch

/// How far a run is.
public struct TrainingProgress: Sendable, Hashable, Codable {
    /// The summary so far.
    public var summary = RunSummary(outcome: .completed)
    /// The test with the best score so far.
    public var best: TrainingEvent.Evaluation?
    /// The epoch of the last step, from 1; 0 before the first.
    public var epoch = 0
    /// The steps of this run in that epoch, and how many of them are done; both 0 once it is over.
    public var epochSteps = 0
    /// The number of them that are done.
    public var epochStepsDone = 0
    /// The examples, the sum of their losses and the time of these steps.
    public var epochExamples = 0
    /// The sum of the losses of these examples, each before its step.
    public var epochLoss = 0.0
    /// The time of these steps, in seconds.
    public var epochSeconds = 0.0
    /// Where the order of the data stands; its generator is part of the state.
    public var samplerStep = 0
    /// The epoch of the sampler, from 0.
    public var samplerEpoch = 0
    /// The number of examples of that epoch that were dealt.
    public var samplerDealt = 0
    /// Where the sinks stand, by their names; nil where an earlier version wrote it.
    public var sinks: [String: SinkState]?
    /// The number of bytes of `metrics.jsonl`, where earlier versions look for it.
    public var metricsByteCount: Int?
    /// The first finite loss, which others are compared with; nil before it.
    public var firstLoss: Double?
    /// The loss that was said to have grown beyond all measure; nil where none was.
    public var excessiveLoss: Double?
    /// Why the last of the rejected steps was; nil where none was.
    public var lastRejection: RejectionReason?

    /// Before the first step.
    init() {}

    /// Where the sinks stand, by their names, whichever version wrote it.
    var sinkStates: [String: SinkState] {
        get { sinks ?? metricsByteCount.map { [Self.metrics: SinkState(byteCount: $0)] } ?? [:] }
        set { (sinks, metricsByteCount) = (newValue.isEmpty ? nil : newValue, newValue[Self.metrics]?.byteCount) }
    }

    private static let metrics = "metrics.jsonl"

    /// Whether a run can be there: what is read from a file must not make it count beyond all numbers.
    var isPossible: Bool {
        let counts =
            [
                summary.steps, summary.epochs, summary.examples, epoch, epochSteps, epochStepsDone, epochExamples,
                metricsByteCount ?? 0, best?.steps ?? 0, summary.lastEvaluation?.steps ?? 0,
            ] + (summary.guards ?? [:]).values + sinkStates.values.map { $0.byteCount ?? 0 }
        return counts.allSatisfy(SnapshotReader.counts.contains) && epochStepsDone <= epochSteps
    }

    /// The message about a loss that has grown beyond all measure; nil for nothing, or where it was said before.
    ///
    /// - Parameter loss: The loss before a step; the first finite one is what the others are measured by.
    mutating func growth(of loss: Double, step: Int) -> String? {
        guard loss.isFinite else { return nil }
        guard let first = firstLoss else {
            firstLoss = loss
            return nil
        }
        guard excessiveLoss == nil, first > 0, loss / first > Self.excessiveGrowth else { return nil }
        excessiveLoss = loss
        return "step \(step): the loss \(loss.readable) is more than \(Int(Self.excessiveGrowth)) times the first one, "
            + "\(first.readable): the run diverges; lower the learning rate, or raise the damping if there is one"
    }

    /// Batches differ by less, and a few bad steps at the beginning of a run that recovers make less of it.
    private static let excessiveGrowth = 10_000.0
}
