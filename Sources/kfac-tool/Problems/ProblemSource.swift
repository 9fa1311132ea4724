import Datasets
import KFAC
import Torch
import TorchNN
import Training

/// A problem whose data was read, and of which any number of models can be made.
struct ProblemSource {
    /// The problem.
    let name: ProblemName
    /// The device of data and models.
    let device: Device
    private let data: Data
    private let augments: Bool
    private let initialization: InitializationName

    private enum Data {
        case images(ImageTask, Normalization)
        case points(count: Int)
    }

    /// The data of a run or a comparison that goes on: they keep their name where their folder has another one by now.
    struct Known {
        /// The name.
        let name: String
        /// The identity, as ``Problem/dataFingerprint``.
        let fingerprint: [String: String]
    }

    /// Reads the data that the options name, and makes sure that it fits.
    ///
    /// - Parameter known: The data of what goes on.
    init(_ options: ProblemOptions, device: Device, known: Known? = nil) throws {
        name = options.problem
        self.device = device
        augments = options.augment
        initialization = options.initialization ?? .xavier
        switch name.dataKind {
        case .mnist, .cifar:
            var task = try options.imageTask()
            if let known, known.fingerprint == task.fingerprint {
                task = ImageTask(
                    name: known.name, training: task.training, test: task.test, fingerprint: task.fingerprint)
            }
            try name.check(task)
            // Pixels are probabilities for the autoencoder.
            let normalization = name == .autoencoder ? Normalization() : Normalization(of: task.training)
            data = .images(task.to(device), normalization)
        case .points: data = .points(count: options.trainLimit ?? ProblemName.pointCount)
        }
    }

    /// The name of the data; nil if it is part of the problem.
    var dataset: String? { if case .images(let task, _) = data { task.name } else { nil } }

    /// The normalisation of pixels; nil if there are none.
    var normalization: Normalization? { if case .images(_, let normalization) = data { normalization } else { nil } }

    /// The number of training examples.
    var trainingCount: Int {
        switch data {
        case .images(let task, _): task.training.count
        case .points(let count): count
        }
    }

    /// Makes a model with initial parameters of its own, and the problem of training it.
    ///
    /// - Parameter generator: Draws the parameters, on the CPU.
    func problem(using generator: inout RandomGenerator) -> any Problem {
        switch data {
        case .images(let task, let normalization): imageProblem(task, normalization, &generator)
        case .points(let count):
            PoissonProblem(
                model: LaplacePerceptron([2, 64, 64, 48, 1], device: device, using: &generator), trainingCount: count)
        }
    }

    /// W of the recurrent network as a time series, the input's weight with independent steps.
    ///
    /// After 150 steps, over four seeds, the mean test loss was 0.577; 0.589 and 0.593 with both weights as time series
    /// (long series, symmetric lag), 0.604 with neither, which was worse for each seed.
    private static let rowChoices = LayerChoices(names: ["recurrent": .timeSeries(.symmetricLag)])

    private func imageProblem(
        _ task: ImageTask, _ normalization: Normalization, _ generator: inout RandomGenerator
    ) -> any Problem {
        let shape = task.training.imageShape
        let classes = task.training.classes
        let title = name.title + task.name
        func classification(_ model: any Module, _ layerChoices: LayerChoices = LayerChoices()) -> any Problem {
            let augmentation: (Augmentation, UInt64)? =
                augments ? (Augmentation(), UInt64(generator.integers([1], in: 0..<Int.max).scalar)) : nil
            return ImageClassification(
                name: title, model: model, task: task, normalization: normalization, augmentation: augmentation,
                layerChoices: layerChoices)
        }
        switch name {
        case .convolutional:
            return classification(
                ConvNet(
                    channels: [shape[0], 32, 64, 128], imageSize: shape[1], classes: classes, device: device,
                    using: &generator))
        case .residual:
            return classification(
                ResNet(depth: 20, channels: shape[0], classes: classes, device: device, using: &generator))
        case .rows:
            return classification(
                RowNetwork(rowSize: shape[0] * shape[2], classes: classes, device: device, using: &generator),
                Self.rowChoices)
        case .autoencoder:
            let pixels = shape.reduce(1, *)
            return ImageReconstruction(
                name: title,
                model: Autoencoder(
                    [pixels, 1000, 500, 250, 30], weight: initialization.initializer, device: device,
                    using: &generator),
                task: task)
        case .poisson: fatalError("\(name) has no images")
        }
    }
}

extension ProblemName {
    /// The number of pairs of training points.
    static let pointCount = 3000

    /// Makes sure that the network can take the images.
    fileprivate func check(_ task: ImageTask) throws {
        let (height, width) = (task.training.imageShape[1], task.training.imageShape[2])
        let (isPossible, possible): (Bool, String) =
            switch self {
            case .convolutional: (height == width && height >= 8, "square ones from 8 x 8 to")
            case .rows: (height >= 2, "ones from 2 x 1 to")
            case .autoencoder, .residual, .poisson: (true, "ones of at most")
            }
        // The curvature of a layer that sees all pixels has the square of their number.
        guard isPossible, max(height, width) <= Self.largestSide else {
            throw ToolError(
                "the images of \(task.name) have \(height) x \(width) pixels: the network takes \(possible) "
                    + "\(Self.largestSide) x \(Self.largestSide)")
        }
    }

    private static let largestSide = 128
}

extension ProblemName {
    /// The first words of the title of a problem with images, before the name of their data.
    fileprivate var title: String { "\(rawValue) on " }
}

extension ProblemSource.Known {
    /// Those of the run of a checkpoint; nil if it tells nothing of them.
    init?(_ manifest: CheckpointManifest?) {
        guard let name = manifest?.settings["dataset"], let fingerprint = manifest?.data else { return nil }
        self.init(name: name, fingerprint: fingerprint)
    }

    /// Those of a comparison; nil if it tells nothing of them, or is of another problem.
    init?(_ plan: ComparisonPlan?, of problem: ProblemName) {
        guard let subject = plan?.subject, let fingerprint = subject.data, subject.problem.hasPrefix(problem.title)
        else { return nil }
        self.init(name: String(subject.problem.dropFirst(problem.title.count)), fingerprint: fingerprint)
    }
}
