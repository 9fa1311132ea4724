public import Datasets
public import KFAC
public import Torch
public import TorchNN

/// A network that reproduces images from few numbers: pixels as probabilities, with the Bernoulli likelihood summed
/// over them.
///
/// With ``/TorchNN/Autoencoder`` it is the benchmark of Martens & Grosse 2015, section 13.
public struct ImageReconstruction: Problem {
    /// The name of the problem.
    public let name: String
    /// The network, from [batch, pixels] to logits of the same shape.
    public let model: any Module
    /// The images, on the model's device.
    public let task: ImageTask
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
    ///   - evaluationBatchSize: The number of test images that go through the network at once, positive.
    public init(name: String? = nil, model: any Module, task: ImageTask, evaluationBatchSize: Int = 1000) {
        guard evaluationBatchSize > 0 else {
            fatalError("ImageReconstruction: an evaluation batch size of \(evaluationBatchSize)")
        }
        self.name = name ?? task.name
        self.model = model
        self.task = task
        self.evaluationBatchSize = evaluationBatchSize
        parameters = model.namedParameters.filter(\.tensor.requiresGradient)
    }

    /// The squared error of an image's reconstruction, summed over its pixels.
    public var errorName: String? { "squared error" }

    /// The number of training images.
    public var trainingCount: Int { task.training.count }

    /// The number of test images.
    public var testCount: Int { task.test.count }

    /// That of the images.
    public var dataFingerprint: [String: String] { task.fingerprint }

    /// Gathers training images: pixels from 0 to 1, float32 [batch, pixels].
    public func trainingBatch(at indices: Tensor) -> Tensor {
        task.training.batch(at: indices).images.flattened(from: 1)
    }

    /// A range of the images.
    public func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { batch.part(range) }

    /// Computes the cross-entropy of the reconstructed pixels, in nats per image.
    public func loss(of batch: Tensor) -> Loss {
        withMixedPrecision(mixesPrecision) { Loss(Bernoulli(logits: model(batch)), targets: batch) }
    }

    public func state() -> [String: Tensor] { model.state() }

    public func load(state: [String: Tensor]) throws { try model.load(state: state) }

    public func weights() -> [String: Tensor] { model.pyTorchWeights() }

    public func load(weights: [String: Tensor]) throws { try model.load(pyTorchWeights: weights) }

    /// Computes the mean cross-entropy and squared error, Σ (sigmoid(logit) − pixel)², of test images.
    public func evaluate(limit: Int?) -> Score {
        requireTests(limit, of: "ImageReconstruction")
        let test = limit.map(task.test.prefix) ?? task.test
        var loss = 0.0
        var error = 0.0
        model.withMode(.evaluation) {
            withoutGradients {
                for start in stride(from: 0, to: test.count, by: evaluationBatchSize) {
                    let images = test.batch(start..<min(start + evaluationBatchSize, test.count)).images.flattened(
                        from: 1)
                    let logits = model(images)
                    let perExample = Bernoulli(logits: logits).negativeLogLikelihood(of: images)
                    loss += perExample.to(.float64).sum().scalar
                    error += (logits.sigmoid() - images).squared().sum(1).to(.float64).sum().scalar
                }
            }
        }
        let count = Double(test.count)
        return Score(examples: test.count, loss: loss / count, error: error / count)
    }
}
