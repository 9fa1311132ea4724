import KFAC
import Torch
import Training

/// A straight line through points: a problem whose every number can be foreseen.
final class LineProblem: Problem {
    let name = "Line"
    let slope = Tensor([0.0 as Double], shape: [1, 1]).requiringGradient()
    let trainingCount: Int
    let testCount = 5
    /// The positions that were asked for, step by step.
    private(set) var dealt: [[Int]] = []
    private(set) var evaluations = 0
    /// The slope at each evaluation.
    private(set) var slopes: [Double] = []
    /// What each loss is multiplied by, by the number of the step.
    var factor: (Int) -> Double = { _ in 1 }
    /// A point whose target is not known.
    var pointWithoutTarget: Int?

    init(trainingCount: Int = 10) { self.trainingCount = trainingCount }

    var parameters: [NamedParameter] { [NamedParameter("slope", slope)] }

    func trainingBatch(at indices: Tensor) -> Tensor {
        dealt.append(indices.array(of: Int.self))
        return indices.to(.float64).expanded(at: 1) / Double(trainingCount)
    }

    func loss(of batch: Tensor) -> Loss {
        let prediction = linear(batch, weight: slope) * factor(dealt.count - 1)
        guard let pointWithoutTarget else { return Loss(Normal(mean: prediction), targets: batch * 3) }
        let place = Double(pointWithoutTarget) / Double(trainingCount)
        let targets = Tensor.select(batch .== place, Tensor.full(like: batch, .nan), batch * 3)
        return Loss(Normal(mean: prediction), targets: targets)
    }

    func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { range == 0..<batch.shape[0] ? batch : batch[range] }

    func evaluate(limit: Int?) -> Score {
        evaluations += 1
        slopes.append(slope.detached().scalar)
        return Score(examples: min(testCount, limit ?? testCount), loss: Double(evaluations))
    }
}

/// Keeps the events, and fails where told to.
final class Recorder: EventSink {
    struct Failure: Error, Equatable {}

    private(set) var events: [TrainingEvent] = []
    var onEvent: (TrainingEvent) throws -> Void = { _ in }

    func receive(_ event: TrainingEvent) throws {
        events.append(event)
        try onEvent(event)
    }

    /// The names of the events, with numbers where they have some.
    var names: [String] {
        events.map { event in
            switch event {
            case .runStart: "run start"
            case .epochStart(let start): "epoch \(start.epoch)"
            case .step(let step): "step \(step.step)"
            case .evaluation(let evaluation): "evaluation \(evaluation.epoch)"
            case .epochEnd(let result): "epoch end \(result.epoch)"
            case .checkpoint(let checkpoint): "checkpoint \(checkpoint.steps)"
            case .runEnd: "run end"
            }
        }
    }

    var steps: [TrainingEvent.StepResult] {
        events.compactMap { event in
            guard case .step(let step) = event else { return nil }
            return step
        }
    }

    var summary: RunSummary? {
        guard case .runEnd(let summary) = events.last else { return nil }
        return summary
    }
}
