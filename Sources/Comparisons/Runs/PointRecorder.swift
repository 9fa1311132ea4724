import Reports
import Torch
import Training

/// Makes a run's points out of its events.
///
/// The time of a step is that between the end of the event before and the step's event: tests of the model, writing and
/// drawing are not in it.
final class PointRecorder: EventSink {
    private let device: Device
    private let onStep: (TrainingEvent.StepResult) -> Void
    private let onPoint: (RunPoint) throws -> Void
    private let clock = ContinuousClock()
    private var mark: (time: ContinuousClock.Instant, cpuSeconds: Double)
    private var next = RunPoint(step: 0, examples: 0, seconds: 0, cpuSeconds: 0)
    private var lossSum = 0.0
    private var lossExamples = 0
    private var unusableLoss: Double?

    /// The points so far.
    private(set) var points: [RunPoint] = []

    /// Creates a recorder.
    ///
    /// - Parameters:
    ///   - device: Where the steps are computed.
    ///   - onStep: Is told of each step.
    ///   - onPoint: Takes each point.
    init(
        device: Device, onStep: @escaping (TrainingEvent.StepResult) -> Void,
        onPoint: @escaping (RunPoint) throws -> Void
    ) {
        self.device = device
        self.onStep = onStep
        self.onPoint = onPoint
        mark = (clock.now, processorSeconds())
    }

    func receive(_ event: TrainingEvent) throws {
        switch event {
        case .step(let step): note(step)
        case .evaluation(let evaluation): try note(evaluation.score)
        case .runStart, .epochStart, .epochEnd, .checkpoint, .runEnd: break
        }
        mark = (clock.now, processorSeconds())
    }

    /// Adds a point: how well the model does now.
    func note(_ score: Score) throws {
        next.loss = lossExamples > 0 ? lossSum / Double(lossExamples) : nil
        next.testLoss = score.loss
        next.testError = score.error
        next.testAccuracy = score.accuracy
        try addPoint()
    }

    /// Adds the last point: the step that failed, with what there is of its loss.
    func noteFailure() throws {
        // A step whose loss is of no use was counted already; one that could not be done was not.
        if unusableLoss == nil { next.step += 1 }
        next.loss = unusableLoss ?? .nan
        next.testLoss = nil
        next.testError = nil
        next.testAccuracy = nil
        try addPoint()
    }

    private func addPoint() throws {
        points.append(next)
        lossSum = 0
        lossExamples = 0
        try onPoint(next)
    }

    private func note(_ step: TrainingEvent.StepResult) {
        // The device's pending work belongs to the step.
        device.synchronize()
        next.seconds += mark.time.duration(to: clock.now) / .seconds(1)
        next.cpuSeconds += processorSeconds() - mark.cpuSeconds
        next.step += 1
        next.examples += step.examples
        // Those of rejected steps are no end of the run.
        unusableLoss = step.loss.isFinite || step.isRejected ? nil : step.loss
        if !step.isRejected {
            lossSum += step.loss * Double(step.examples)
            lossExamples += step.examples
        }
        onStep(step)
    }
}
