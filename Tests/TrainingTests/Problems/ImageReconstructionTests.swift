import Datasets
import Foundation
import KFAC
import TestSupport
import Testing
import Torch
import TorchNN
import Training

@Suite struct ImageReconstructionTests {
    /// Images of 3 x 4 pixels.
    private static func dataset(_ count: Int, seed: UInt64) -> ImageDataset {
        var generator = RandomGenerator(seed: seed)
        return ImageDataset(
            images: generator.integers([count, 1, 3, 4], in: 0..<256).to(.uint8),
            labels: Tensor.zeros([count], dtype: .int64), classes: 1)
    }

    private static let task = ImageTask(name: "Noise", training: dataset(20, seed: 1), test: dataset(7, seed: 2))

    private static func problem(batch: Int = 3) -> ImageReconstruction {
        var generator = RandomGenerator(seed: 3)
        return ImageReconstruction(
            model: Autoencoder([12, 10, 4], using: &generator), task: task, evaluationBatchSize: batch)
    }

    /// −Σ (x log p + (1 − x) log(1 − p)) and Σ (p − x)², in Swift's own arithmetic.
    private static func byHand(_ problem: ImageReconstruction, _ dataset: ImageDataset) -> (loss: Double, error: Double)
    {
        let pixels = dataset.images.array(of: Double.self).map { $0 / 255 }
        let logits = problem.model(Tensor(pixels.map(Float.init), shape: [dataset.count, 12])).array(of: Double.self)
        var (loss, error) = (0.0, 0.0)
        for (x, logit) in zip(pixels, logits) {
            let p = 1 / (1 + exp(-logit))
            loss -= x * log(p) + (1 - x) * log(1 - p)
            error += (p - x) * (p - x)
        }
        return (loss / Double(dataset.count), error / Double(dataset.count))
    }

    @Test func lossIsTheCrossEntropyOfAllPixels() {
        let problem = Self.problem()
        let loss = problem.loss(of: problem.trainingBatch(at: Tensor.range(0..<20))).mean.scalar
        #expect(abs(loss - Self.byHand(problem, Self.task.training).loss) < 1e-4)
    }

    /// A network of zeros knows nothing: each of the 12 pixels costs log 2 and has the probability ½.
    @Test func ignoranceCostsOneBitAPixel() {
        let problem = Self.problem()
        withoutGradients { for parameter in problem.parameters { parameter.tensor.fill(0) } }
        let score = problem.evaluate()
        #expect(abs(score.loss - 12 * log(2)) < 1e-5)
        let distances = Self.task.test.images.array(of: Double.self).map { ($0 / 255 - 0.5) * ($0 / 255 - 0.5) }
        #expect(abs(score.error! - distances.reduce(0, +) / 7) < 1e-5)
    }

    @Test(arguments: [1, 3, 7, 100])
    func evaluatesInBatchesOfAnySize(batch: Int) throws {
        let problem = Self.problem(batch: batch)
        let score = problem.evaluate()
        let expected = Self.byHand(problem, Self.task.test)
        #expect(score.examples == 7)
        #expect(score.accuracy == nil)
        #expect(abs(score.loss - expected.loss) < 1e-4)
        #expect(abs(try #require(score.error) - expected.error) < 1e-4)
    }

    @Test func evaluatesTheFirstImagesOnly() {
        let problem = Self.problem()
        let score = problem.evaluate(limit: 4)
        let expected = Self.byHand(problem, Self.task.test.prefix(4))
        #expect(score.examples == 4)
        #expect(abs(score.error! - expected.error) < 1e-4)
        #expect(problem.evaluate(limit: 100) == problem.evaluate())
    }

    @Test func isAProblem() {
        ProblemChecks.expectParts(of: Self.problem(), count: 6)
        ProblemChecks.expectFiniteGradients(of: Self.problem(), count: 6)
    }

    @Test func trains() throws {
        try ProblemChecks.expectTraining(
            steps: 25, batchSize: 20, share: 0.95,
            configuration: .init(rule: .fixed(learningRate: 0.3), damping: 0.3, clipping: .norm(0.1))
        ) { Self.problem() }
    }

    /// The network of the paper, as the tool makes it: its size and its sparse beginning.
    @Test func theFullNetworkBeginsAsInThePaper() {
        var generator = RandomGenerator(seed: 1)
        let model = Autoencoder(using: &generator)
        #expect(model.parameterCount == 2_837_314)
        for (name, parameter) in model.namedParameters.map({ ($0.name, $0.tensor.detached()) }) {
            if name.hasSuffix("bias") {
                #expect(parameter.abs().max().scalar == 0)
            } else {
                let connections = (parameter .!= 0).to(.int64).sum(1)
                #expect((connections .== 15).all(), "\(name)")
            }
        }
    }
}
