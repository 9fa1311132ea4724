import Datasets
import Foundation
import KFAC
import Torch
import TorchNN
import Training

/// A model of your own: the layers and tensors that it stores are its parameters.
final class Surface: Module {
    let input: Linear
    let hidden: Linear
    let output: Linear

    init(using generator: inout RandomGenerator) {
        input = Linear(2, 32, using: &generator)
        hidden = Linear(32, 32, using: &generator)
        output = Linear(32, 1, using: &generator)
    }

    func callAsFunction(_ points: Tensor) -> Tensor {
        let features = input(points).tanh()
        return output(features + hidden(features).tanh())
    }
}

/// The model, its data, and the loss that joins them.
struct SurfaceFit: Problem {
    let name = "surface"
    let errorName: String? = "root mean squared error"
    let model: Surface
    /// [examples, 3]: two coordinates and the height there.
    let training: Tensor
    let test: Tensor

    var parameters: [NamedParameter] { model.namedParameters }
    var trainingCount: Int { training.shape[0] }
    var testCount: Int { test.shape[0] }

    func trainingBatch(at indices: Tensor) -> Tensor { training.gathered(indices) }

    func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { batch[range] }

    func loss(of batch: Tensor) -> Loss {
        Loss(Normal(mean: model(batch[.all, 0..<2]), variance: 0.0025), targets: batch[.all, 2..<3])
    }

    func evaluate(limit: Int?) -> Score {
        let rows = test[0..<min(limit ?? testCount, testCount)]
        return withoutGradients {
            let squares = (model(rows[.all, 0..<2]) - rows[.all, 2..<3]).squared()
            return Score(
                examples: rows.shape[0], loss: loss(of: rows).mean.scalar, error: squares.mean().scalar.squareRoot())
        }
    }
}

/// Reads lines of three numbers below a line of names, and shuffles them.
func examples(from path: String, using generator: inout RandomGenerator) throws -> Tensor {
    let lines = try String(contentsOfFile: path, encoding: .utf8).split(separator: "\n").dropFirst()
    let values = lines.flatMap { $0.split(separator: ",").compactMap { Float($0) } }
    return Tensor(values, shape: [lines.count, 3]).gathered(generator.permutation(lines.count))
}

let folder = URL(filePath: #filePath).deletingLastPathComponent()
var generator = RandomGenerator(seed: 1)
let data = try examples(from: folder.appending(path: "../../Data/surface.csv").path, using: &generator)
let problem = SurfaceFit(model: Surface(using: &generator), training: data[0..<300], test: data[300..<400])
let trainer = Trainer(
    length: .epochs(20),
    sampler: BatchSampler(count: problem.trainingCount, batchSize: 50, generator: generator.split()),
    optimizerName: "kfac", sinks: [ProgressReport(to: .standardOutput())])
let optimizer = KFACOptimizer(
    problem.parameters,
    configuration: .init(learningRate: .linear(from: 0.3, to: 0, steps: 120), damping: 1))
let summary = try trainer.run(problem, with: optimizer)

// The tests run this program and look at its status; the noise of the heights is 0.05.
exit(summary.lastEvaluation!.score.error! < 0.1 ? 0 : 1)
