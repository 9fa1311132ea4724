import Datasets
import KFAC
import TestSupport
import Testing
import Torch
import TorchNN
import Training

/// The classification problems of other networks: rows of an image one after the other, colour images.
@Suite struct RowsAndColoursTests {
    private static let grey = ImageTask.synthetic(
        trainingCount: 60, testCount: 10, imageShape: [1, 8, 6], classes: 3, noise: 0.02)

    private static func rows(_ recurrent: Approximation = .kronecker()) -> ImageClassification {
        var generator = RandomGenerator(seed: 3)
        return ImageClassification(
            model: RowNetwork(rowSize: 6, hidden: 10, classes: 3, using: &generator), task: grey,
            normalization: Normalization(of: grey.training),
            layerChoices: LayerChoices(names: ["recurrent": recurrent]))
    }

    /// h ← tanh(U x + b + W h), unit by unit.
    @Test func rowsAreReadOneAfterTheOther() {
        var generator = RandomGenerator(seed: 3)
        let model = RowNetwork(rowSize: 4, hidden: 3, classes: 2, dtype: .float64, using: &generator)
        let images = randomTensor([2, 2, 5, 2], seed: 1)
        let (u, w, c) = (model.input, model.recurrent, model.classifier)
        let logits = (0..<2).map { image in
            var state = Tensor.zeros([3, 1], dtype: .float64)
            for row in 0..<5 {
                // All channels of the row, one after the other.
                let x = Tensor.concatenate([images[image, 0, row], images[image, 1, row]]).expanded(at: 1)
                let drive = u.weight.matmul(x) + u.bias!.expanded(at: 1)
                state = (drive + w.weight.matmul(state)).tanh()
            }
            return (c.weight.matmul(state) + c.bias!.expanded(at: 1)).squeezed(at: 1)
        }
        expectClose(model(images), Tensor.stack(logits), relative: 1e-12, absolute: 1e-12)
        #expect(model.namedParameters.map(\.name).contains("recurrent.weight"))
        #expect(model.recurrent.bias == nil)
    }

    @Test func rowsAreAProblem() {
        ProblemChecks.expectParts(of: Self.rows(), count: 7)
        ProblemChecks.expectFiniteGradients(of: Self.rows(), count: 7)
    }

    @Test(arguments: [Approximation.kronecker(), .timeSeries(.symmetricLag), .timeSeries(.longSeries)])
    func rowsTrain(recurrent: Approximation) throws {
        try ProblemChecks.expectTraining(
            steps: 40, batchSize: 60, share: 0.7,
            configuration: .init(rule: .fixed(learningRate: 0.1), damping: 0.1, clipping: .norm(0.01))
        ) { Self.rows(recurrent) }
    }

    private static let colour = ImageTask.synthetic(
        trainingCount: 30, testCount: 10, imageShape: [3, 8, 8], classes: 3, noise: 0.02)

    private static func colours(augmentation: (Augmentation, UInt64)? = nil) -> ImageClassification {
        var generator = RandomGenerator(seed: 3)
        return ImageClassification(
            model: ResNet(depth: 8, classes: 3, using: &generator), task: colour,
            normalization: Normalization(of: colour.training), augmentation: augmentation)
    }

    @Test func coloursAreAProblem() {
        // In training, batch normalisation joins the examples: parts are compared in evaluation.
        let problem = Self.colours()
        problem.model.setMode(.evaluation)
        ProblemChecks.expectParts(of: problem, count: 5)
        ProblemChecks.expectFiniteGradients(of: Self.colours(), count: 9)
    }

    @Test func coloursTrain() throws {
        try ProblemChecks.expectTraining(
            steps: 12, batchSize: 30, share: 0.8, configuration: .init(learningRate: 0.1, damping: 0.1)
        ) { Self.colours() }
    }

    /// The same batch looks the same each time, an image in another batch does not, and tests are not augmented.
    @Test func augmentationFollowsFromTheBatch() {
        let (plain, augmented) = (Self.colours(), Self.colours(augmentation: (Augmentation(padding: 2), 7)))
        func images(_ problem: ImageClassification, _ indices: [Int]) -> Tensor {
            let batch = problem.trainingBatch(at: Tensor(indices))
            #expect(batch.labels.array(of: Int.self) == indices.map { Int(Self.colour.training.labels[$0].scalar) })
            return batch.images
        }
        let first = images(augmented, Array(0..<10))
        #expect((first .== images(augmented, Array(0..<10))).all())
        #expect((first .!= images(plain, Array(0..<10))).any())
        #expect((first .!= images(augmented, Array(0..<11))[0..<10]).any())
        let other = Self.colours(augmentation: (Augmentation(padding: 2), 8))
        #expect((first .!= images(other, Array(0..<10))).any())
        #expect(plain.evaluate() == augmented.evaluate())
    }
}
