import Comparisons
import Datasets
import KFAC
import Torch
import TorchNN
import Training

/// A problem whose data was read, and of which any number of models can be made.
struct ProblemSource {
    /// The options that it was chosen by.
    let options: ProblemOptions
    /// The device of data and models.
    let device: Device
    /// The images, on the device; nil for a problem without.
    let images: ImageTask?
    /// The normalisation of pixels; nil if there are none.
    let normalization: Normalization?
    /// How images lie in memory where a network convolves them.
    let layout: ImageLayout

    /// The data of a run or a comparison that goes on: they keep their name where their folder has another one by now.
    struct Known {
        /// The name.
        let name: String
        /// The identity, as ``Problem/dataFingerprint``.
        let fingerprint: [String: String]
    }

    /// Reads the data that the options name, and makes sure that it fits.
    ///
    /// - Parameters:
    ///   - known: The data of what goes on, which keep their name if their folder has another one by now.
    ///   - layout: How images lie in memory where the options do not tell; nil for the faster layout.
    init(_ options: ProblemOptions, device: Device, known: Known? = nil, layout: ImageLayout? = nil) throws {
        self.options = options
        self.device = device
        self.layout = options.layout ?? layout ?? .preferred(for: .float32, on: device)
        guard let source = options.problem.images else {
            (images, normalization) = (nil, nil)
            return
        }
        var task = try source.read(options.data)
        if let limit = options.trainLimit { task = task.limited(toTraining: limit) }
        if let known, known.fingerprint == task.fingerprint {
            task = ImageTask(
                name: known.name, training: task.training, test: task.test, fingerprint: task.fingerprint)
        }
        try source.check(task)
        normalization = source.isNormalized ? Normalization(of: task.training) : Normalization()
        images = task.to(device)
    }

    /// The name of the data; nil if it is part of the problem.
    var dataset: String? { images?.name }

    /// Makes a model with initial parameters of its own, and the problem of training it.
    ///
    /// - Parameter generator: Draws the parameters, on the CPU.
    func problem(using generator: inout RandomGenerator) -> any Problem { options.problem.make(self, &generator) }
}

extension ProblemSource {
    /// The name of the problem in reports.
    var title: String { "\(options.problem.name) on \(images!.name)" }

    /// Channels, height and width of an image.
    var imageShape: [Int] { images!.training.imageShape }

    /// The number of classes.
    var classes: Int { images!.training.classes }

    /// Whether networks are trained in mixed precision.
    var mixesPrecision: Bool { options.precision == .bfloat16 }

    /// Says so where the processor makes what was chosen slower.
    func tellSlowPrecision(_ tell: (String) -> Void) {
        guard mixesPrecision, device == .cpu, !Runtime.hasFastBFloat16 else { return }
        tell("this processor has no instructions for bfloat16 (AVX-512 BF16): --precision float32 is quicker on it")
    }

    /// How the weights begin.
    var initialization: InitializationName { options.initialization ?? ProblemOptions.defaultInitialization }

    /// The problem of telling the images' classes apart.
    ///
    /// - Parameter generator: Draws the seed of the augmentation, after the model's parameters.
    func classification(
        _ model: any Module, _ layerChoices: LayerChoices = LayerChoices(), using generator: inout RandomGenerator
    ) -> any Problem {
        model.setImageLayout(layout)
        let augmentation: (Augmentation, UInt64)? =
            options.augment ? (Augmentation(), UInt64(generator.integers([1], in: 0..<Int.max).scalar)) : nil
        var problem = ImageClassification(
            name: title, model: model, task: images!, normalization: normalization!, augmentation: augmentation,
            layerChoices: layerChoices)
        problem.mixesPrecision = mixesPrecision
        return problem
    }
}

extension ProblemSource.Known {
    /// Those of the run of a checkpoint; nil if it tells nothing of them.
    init?(_ manifest: CheckpointManifest?) {
        guard let name = manifest?.settings["dataset"], let fingerprint = manifest?.data else { return nil }
        self.init(name: name, fingerprint: fingerprint)
    }

    /// Those of a comparison; nil if it tells nothing of them, or is of another problem.
    init?(_ plan: ComparisonPlan?, of problem: BuiltInProblem) {
        let start = "\(problem.name) on "
        guard let subject = plan?.subject, let fingerprint = subject.data, subject.problem.hasPrefix(start) else {
            return nil
        }
        self.init(name: String(subject.problem.dropFirst(start.count)), fingerprint: fingerprint)
    }
}
