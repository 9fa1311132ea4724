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

    /// Reads the data that the options name, and makes sure that it fits.
    ///
    /// - Parameter checkpoint: Of the run that goes on, whose data keep their name where their folder has another one
    ///   by now.
    init(_ options: ProblemOptions, device: Device, resuming checkpoint: CheckpointManifest? = nil) throws {
        self.options = options
        self.device = device
        guard let source = options.problem.images else {
            (images, normalization) = (nil, nil)
            return
        }
        var task = try source.read(options.data)
        if let limit = options.trainLimit { task = task.limited(toTraining: limit) }
        if let name = checkpoint?.settings["dataset"], checkpoint?.data == task.fingerprint {
            task = ImageTask(name: name, training: task.training, test: task.test, fingerprint: task.fingerprint)
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

    /// How the weights begin.
    var initialization: InitializationName { options.initialization ?? ProblemOptions.defaultInitialization }

    /// The problem of telling the images' classes apart.
    ///
    /// - Parameter generator: Draws the seed of the augmentation, after the model's parameters.
    func classification(
        _ model: any Module, _ layerChoices: LayerChoices = LayerChoices(), using generator: inout RandomGenerator
    ) -> any Problem {
        let augmentation: (Augmentation, UInt64)? =
            options.augment ? (Augmentation(), UInt64(generator.integers([1], in: 0..<Int.max).scalar)) : nil
        return ImageClassification(
            name: title, model: model, task: images!, normalization: normalization!, augmentation: augmentation,
            layerChoices: layerChoices)
    }
}
