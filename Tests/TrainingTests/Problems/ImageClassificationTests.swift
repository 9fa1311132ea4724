import Datasets
import FirstOrder
import KFAC
import Testing
import Torch
import TorchNN
import Training

@Suite struct ImageClassificationTests {
    /// Random images of 4 x 4 pixels; labels from 0 to 2.
    private static func dataset(_ count: Int, seed: UInt64) -> ImageDataset {
        var generator = RandomGenerator(seed: seed)
        return ImageDataset(
            images: generator.integers([count, 1, 4, 4], in: 0..<256).to(.uint8),
            labels: generator.integers([count], in: 0..<3), classes: 3)
    }

    private let task = ImageTask(name: "Noise", training: dataset(20, seed: 1), test: dataset(23, seed: 2))
    private let normalization = Normalization(mean: 0.5, standardDeviation: 0.25)

    /// A perceptron that drops half of its hidden units in training.
    private final class Network: Module {
        let first: Linear
        let dropout: Dropout
        let second: Linear
        private(set) var recorded: [Bool] = []

        init(seed: UInt64) {
            var generator = RandomGenerator(seed: seed)
            first = Linear(16, 12, using: &generator)
            dropout = Dropout(0.5, using: &generator)
            second = Linear(12, 3, using: &generator)
        }

        func callAsFunction(_ input: Tensor) -> Tensor {
            let output = second(dropout(first(input.flattened(from: 1)).tanh()))
            recorded.append(output.requiresGradient)
            return output
        }
    }

    @Test(arguments: [1, 7, 23, 1000])
    func evaluatesInBatchesOfAnySize(batchSize: Int) {
        let model = Network(seed: 3)
        let problem = ImageClassification(
            model: model, task: task, normalization: normalization, evaluationBatchSize: batchSize)
        let score = problem.evaluate()

        let logits = model.withMode(.evaluation) {
            model(task.test.batch(0..<23, normalization: normalization).images)
        }
        let loss = Categorical(logits: logits).negativeLogLikelihood(of: task.test.labels).mean().scalar
        let accuracy = (logits.argmax() .== task.test.labels).to(.float64).mean().scalar
        #expect(score.examples == 23)
        #expect(abs(score.loss - loss) < 1e-6)
        #expect(score.accuracy == accuracy)
    }

    /// Files hold bytes only; images that a program makes up can hold anything.
    @Test(arguments: [Float.nan, .infinity], [false, true])
    func pixelsThatAreNoNumbersEndTheRunByAnError(pixel: Float, isKFAC: Bool) throws {
        var pixels = [Float](repeating: 0.5, count: 20 * 16)
        pixels[100] = pixel
        let images = ImageDataset(
            images: Tensor(pixels, shape: [20, 1, 4, 4]), labels: task.training.labels, classes: 3)
        let problem = ImageClassification(
            model: Network(seed: 1), task: ImageTask(name: "", training: images, test: task.test),
            normalization: normalization)
        let optimizer: any Optimizer =
            isKFAC
            ? KFACOptimizer(problem.parameters, configuration: KFACOptimizer.Configuration(learningRate: 0.1))
            : FirstOrderOptimizer(problem.parameters, rule: .sgd(SGD.Configuration(learningRate: 0.1)))
        let trainer = Trainer(
            length: .steps(20),
            sampler: BatchSampler(count: 20, batchSize: 20, generator: RandomGenerator(seed: 1)), optimizerName: "")
        // Each step is rejected, until there are too many in a row.
        let before = problem.parameters.map { $0.tensor.array(of: Float.self) }
        #expect(throws: OptimizerError.self) { try trainer.run(problem, with: optimizer) }
        #expect(problem.parameters.map { $0.tensor.array(of: Float.self) } == before)
    }

    @Test func evaluationRecordsNoGradientsAndRestoresTheMode() {
        let model = Network(seed: 3)
        let problem = ImageClassification(model: model, task: task, normalization: normalization)
        #expect(problem.evaluate() == problem.evaluate())
        #expect(model.recorded == [false, false])
        #expect(model.dropout.mode == .training)
        model.setMode(.evaluation)
        _ = problem.evaluate()
        #expect(model.dropout.mode == .evaluation)
    }

    @Test func frozenParametersAreLeftAlone() {
        let model = Network(seed: 3)
        model.first.freeze()
        let problem = ImageClassification(model: model, task: task, normalization: normalization)
        #expect(problem.parameters.map(\.name) == ["second.weight", "second.bias"])
    }

    @Test func lossIsThatOfTheBatch() {
        let model = Network(seed: 3)
        model.setMode(.evaluation)
        let problem = ImageClassification(model: model, task: task, normalization: normalization)
        let batch = problem.trainingBatch(at: Tensor([4, 2]))
        #expect(batch.labels.array(of: Int.self) == [4, 2].map { Int(task.training.labels[$0].scalar) })
        let expected = -model(batch.images).logSoftmax().elements(at: batch.labels.expanded(at: -1), along: -1).mean()
        #expect(abs(problem.loss(of: batch).mean.scalar - expected.scalar) < 1e-6)
    }

    enum Method: CaseIterable { case kfac, sgd, adam }

    /// Random labels can be learned by heart, and twice in the same way.
    @Test(arguments: Method.allCases)
    func learnsAndRepeatsItself(method: Method) throws {
        func losses() throws -> [Double] {
            var generator = RandomGenerator(seed: 9)
            let model = MultilayerPerceptron([16, 24, 3], using: &generator)
            let problem = ImageClassification(
                model: Sequential(Flatten(), model), task: task, normalization: normalization)
            let optimizer: any Optimizer =
                switch method {
                case .kfac: KFACOptimizer(problem.parameters, configuration: .init(learningRate: 0.1, damping: 0.1))
                case .sgd: SGD(problem.parameters)
                case .adam: Adam(problem.parameters, configuration: .init(learningRate: 0.01))
                }
            let recorder = Recorder()
            let sampler = BatchSampler(count: 20, batchSize: 8, generator: generator)
            try Trainer(length: .epochs(20), sampler: sampler, optimizerName: "\(method)", sinks: [recorder])
                .run(problem, with: optimizer)
            return recorder.steps.map(\.loss)
        }
        let first = try losses()
        #expect(first.count == 60)
        #expect(first.suffix(3).max()! < first.prefix(3).min()! / 2)
        #expect(try losses() == first)
    }
}
