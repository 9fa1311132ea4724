public import Datasets
public import KFAC
public import Torch
public import TorchNN

/// A network that tells the classes of images apart: softmax and cross-entropy.
public struct ImageClassification: Problem {
    /// The network, from [batch, channels, height, width] to logits [batch, classes].
    public let model: any Module
    /// The images, on the model's device.
    public let task: ImageTask
    /// What is done to pixels before the network sees them.
    public let normalization: Normalization
    /// The number of test images that go through the network at once.
    public let evaluationBatchSize: Int

    /// The parameters of the network that require a gradient.
    public let parameters: [NamedParameter]

    /// Puts a network and images together.
    ///
    /// - Parameter evaluationBatchSize: The number of test images that go through the network at once, positive.
    public init(model: any Module, task: ImageTask, normalization: Normalization, evaluationBatchSize: Int = 250) {
        guard evaluationBatchSize > 0 else {
            fatalError("ImageClassification: an evaluation batch size of \(evaluationBatchSize)")
        }
        self.model = model
        self.task = task
        self.normalization = normalization
        self.evaluationBatchSize = evaluationBatchSize
        parameters = model.namedParameters.filter(\.tensor.requiresGradient)
    }

    /// The name of the data set.
    public var name: String { task.name }

    /// The number of images to learn from.
    public var trainingCount: Int { task.training.count }

    /// The number of images to be tested on.
    public var testCount: Int { task.test.count }

    /// Gathers and normalises training images.
    public func trainingBatch(at indices: Tensor) -> ImageBatch {
        task.training.batch(at: indices, normalization: normalization)
    }

    /// A range of the images.
    public func part(_ range: Range<Int>, of batch: ImageBatch) -> ImageBatch { batch.part(range) }

    /// Computes the cross-entropy of the network's predictions.
    public func loss(of batch: ImageBatch) -> Loss {
        Loss(Categorical(logits: model(batch.images)), targets: batch.labels)
    }

    /// Computes the mean cross-entropy and the accuracy on test images.
    public func evaluate(limit: Int?) -> Score {
        let test = limit.map(task.test.prefix) ?? task.test
        var loss = 0.0
        var correct = 0
        model.withMode(.evaluation) {
            withoutGradients {
                for start in stride(from: 0, to: test.count, by: evaluationBatchSize) {
                    let range = start..<min(start + evaluationBatchSize, test.count)
                    let batch = test.batch(range, normalization: normalization)
                    let logits = model(batch.images)
                    let perExample = Categorical(logits: logits).negativeLogLikelihood(of: batch.labels)
                    loss += perExample.to(.float64).sum().scalar
                    correct += Int((logits.argmax() .== batch.labels).to(.int64).sum().scalar)
                }
            }
        }
        let count = Double(test.count)
        return Score(examples: test.count, loss: loss / count, accuracy: Double(correct) / count)
    }
}
