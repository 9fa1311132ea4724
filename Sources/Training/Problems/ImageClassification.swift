public import Datasets
public import KFAC
public import Torch
public import TorchNN

/// A network that tells the classes of images apart: softmax and cross-entropy.
public struct ImageClassification: Problem {
    /// The name of the problem.
    public let name: String
    /// The network, from [batch, channels, height, width] to logits [batch, classes].
    public let model: any Module
    /// The images, on the model's device.
    public let task: ImageTask
    /// The normalisation of pixels before the network sees them.
    public let normalization: Normalization
    /// The random augmentation of training images, and its seed; nil for none.
    public let augmentation: (method: Augmentation, seed: UInt64)?
    /// The approximations of curvature that suit the network.
    public let layerChoices: LayerChoices
    /// The number of test images that go through the network at once.
    public let evaluationBatchSize: Int
    /// Whether the network is trained in mixed precision.
    ///
    /// See ``/Torch/withMixedPrecision(_:_:)``. The network is tested in the precision of its parameters.
    public var mixesPrecision = false

    /// The parameters of the network that require a gradient.
    public let parameters: [NamedParameter]

    /// Puts a network and images together.
    ///
    /// - Parameters:
    ///   - name: The name of the problem; nil for that of the images.
    ///   - augmentation: What is done to training images at random, and the seed that it follows from.
    ///   - layerChoices: The approximations of curvature that suit the network.
    ///   - evaluationBatchSize: The number of test images that go through the network at once, positive.
    public init(
        name: String? = nil, model: any Module, task: ImageTask, normalization: Normalization,
        augmentation: (method: Augmentation, seed: UInt64)? = nil, layerChoices: LayerChoices = LayerChoices(),
        evaluationBatchSize: Int = 250
    ) {
        guard evaluationBatchSize > 0 else {
            fatalError("ImageClassification: an evaluation batch size of \(evaluationBatchSize)")
        }
        self.name = name ?? task.name
        self.augmentation = augmentation
        self.layerChoices = layerChoices
        self.model = model
        self.task = task
        self.normalization = normalization
        self.evaluationBatchSize = evaluationBatchSize
        parameters = model.namedParameters.filter(\.tensor.requiresGradient)
    }

    /// The number of training images.
    public var trainingCount: Int { task.training.count }

    /// The number of test images.
    public var testCount: Int { task.test.count }

    /// That of the images.
    public var dataFingerprint: [String: String] { task.fingerprint }

    /// Gathers, augments and normalises training images.
    ///
    /// The augmentation follows from its seed and all of the positions: the same batch always looks the same,
    /// and an image looks different in another batch, as in the next epoch.
    public func trainingBatch(at indices: Tensor) -> ImageBatch {
        let dataset = task.training
        guard let augmentation else { return dataset.batch(at: indices, normalization: normalization) }
        // The constants of the 64-bit FNV-1a hash.
        let hash = indices.array(of: Int.self).reduce(augmentation.seed ^ 0xcbf2_9ce4_8422_2325) { hash, index in
            (hash ^ UInt64(bitPattern: Int64(index))) &* 0x100_0000_01b3
        }
        var generator = RandomGenerator(seed: hash)
        let indices = indices.to(dataset.images.device)
        let images = augmentation.method(dataset.images.gathered(indices), using: &generator)
        return ImageBatch(images: normalization(images), labels: dataset.labels.gathered(indices))
    }

    /// A range of the images.
    public func part(_ range: Range<Int>, of batch: ImageBatch) -> ImageBatch { batch.part(range) }

    /// Computes the cross-entropy of the network's predictions.
    public func loss(of batch: ImageBatch) -> Loss {
        withMixedPrecision(mixesPrecision) {
            Loss(Categorical(logits: model(batch.images)), targets: batch.labels)
        }
    }

    public func state() -> [String: Tensor] { model.state() }

    public func load(state: [String: Tensor]) throws { try model.load(state: state) }

    public func weights() -> [String: Tensor] { model.pyTorchWeights() }

    public func load(weights: [String: Tensor]) throws { try model.load(pyTorchWeights: weights) }

    /// Computes the mean cross-entropy and the accuracy on test images.
    public func evaluate(limit: Int?) -> Score {
        requireTests(limit, of: "ImageClassification")
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
