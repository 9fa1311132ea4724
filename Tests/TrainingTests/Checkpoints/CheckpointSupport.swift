import Datasets
import FirstOrder
import Foundation
import KFAC
import TestSupport
import Torch
import TorchNN
import Training

/// A small network with a state besides its parameters.
final class SmallProblem: Problem {
    let name = "Small"
    let model: Sequential
    let trainingCount = 20
    let testCount = 5
    let parameters: [NamedParameter]
    let dataFingerprint: [String: String]

    init(hidden: Int = 6, data: [String: String] = [:]) {
        dataFingerprint = data
        var generator = RandomGenerator(seed: 3)
        model = Sequential(
            Linear(4, hidden, using: &generator), Dropout(0.1, using: &generator), Linear(hidden, 3, using: &generator))
        parameters = model.namedParameters
    }

    func trainingBatch(at indices: Tensor) -> Tensor { indices }

    func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { batch[range] }

    func loss(of batch: Tensor) -> Loss {
        let x = randomTensor([20, 4], seed: 8, dtype: .float32).gathered(batch)
        return Loss(Categorical(logits: model(x)), targets: Tensor((0..<20).map { $0 % 3 }).gathered(batch))
    }

    func evaluate(limit: Int?) -> Score {
        model.withMode(.evaluation) {
            withoutGradients {
                Score(examples: testCount, loss: loss(of: Tensor(Array(0..<testCount))).mean.scalar)
            }
        }
    }

    func state() -> [String: Tensor] { model.state() }

    func load(state: [String: Tensor]) throws { try model.load(state: state) }

    var bits: [UInt32] { parameters.flatMap { $0.tensor.array(of: Float.self).map(\.bitPattern) } }
}

/// Runs the small problem, or what remains of it.
struct SmallRun {
    let folder: TemporaryFolder
    var hidden = 6
    var method = FirstOrderRule.soap(SOAP.Configuration(period: 2))
    var usesKFAC = true
    var steps = 11
    var settings = ["seed": "1"]
    var data: [String: String] = [:]

    var place = "checkpoints"

    var checkpoints: CheckpointFolder { CheckpointFolder(path: folder(place), keptCount: 3) }

    func optimizer(_ problem: SmallProblem) -> any Optimizer {
        usesKFAC
            ? KFACOptimizer(
                problem.parameters, configuration: .init(inverses: .background(every: 3, after: 2)),
                generator: RandomGenerator(seed: 4))
            : FirstOrderOptimizer(problem.parameters, rule: method)
    }

    @discardableResult
    func run(
        from checkpoint: Checkpoint? = nil, sinks: [any EventSink] = [], cancellation: Cancellation = Cancellation()
    ) throws -> (bits: [UInt32], summary: RunSummary) {
        let problem = SmallProblem(hidden: hidden, data: data)
        let sampler = BatchSampler(
            count: problem.trainingCount, batchSize: 6, generator: RandomGenerator(seed: 5))
        let trainer = Trainer(
            length: .steps(steps), sampler: sampler, optimizerName: usesKFAC ? "kfac" : "soap", sinks: sinks,
            cancellation: cancellation, evaluationPeriod: 4, averaging: .exponential(decay: 0.5),
            checkpoints: CheckpointPlan(folder: checkpoints, period: 3, settings: settings))
        let summary = try trainer.run(problem, with: optimizer(problem), from: checkpoint)
        return (problem.bits, summary)
    }
}
