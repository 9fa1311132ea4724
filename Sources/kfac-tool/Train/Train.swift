import ArgumentParser
import Datasets
import KFAC
import Torch
import TorchNN
import Training

/// The command `kfac train`.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a convolutional network on Fashion-MNIST, or on images like them.",
        discussion: """
            The network has three 3x3 convolutions of 32, 64 and 128 channels, each followed by a rectifier and 2x2 \
            maximum pooling, and a linear layer. It is tested after each epoch. All batches and all random numbers \
            follow from the seed: the same command, with the same number of threads, gives the same numbers.

            A run leaves a folder with its settings (config.json) and, one JSON object a line, all that happened \
            (metrics.jsonl). Ctrl-C ends it after the step in progress, with a summary so far; a second Ctrl-C at once.

            Examples:
              kfac train
              kfac train --optimizer sgd --learning-rate 0.05 --epochs 5
              kfac train --damping 0.03 --inverse-period 20 --output runs/trial
              kfac train --data ~/datasets/mnist --device cuda
            """)

    @OptionGroup(title: "Data") var dataOptions: DataOptions
    @OptionGroup(title: "Optimizer") var optimizerOptions: OptimizerOptions
    @OptionGroup(title: "Run") var runOptions: RunOptions

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        try runOptions.prepareRuntime()
        let task = try dataOptions.task().to(runOptions.device)
        let model = try network(for: task)
        let normalization = Normalization(of: task.training)
        let problem = ImageClassification(model: model, task: task, normalization: normalization)
        let sampler = BatchSampler(
            count: task.training.count, batchSize: .constant(runOptions.batchSize),
            generator: runOptions.generator(for: .batches))
        let setup = optimizerOptions.setup(steps: RunLength.epochs(runOptions.epochs).steps(of: sampler))

        // From here on there is something to lose.
        Interruption.watch()
        let name = optimizerOptions.optimizer.rawValue
        let settings = Settings(
            dataset: task.name, optimizer: setup, training: task.training.count, normalization: normalization,
            run: runOptions)
        let path = runOptions.output ?? RunFolder.unusedPath(problem: task.name, optimizer: name)
        let folder = try RunFolder(path: path, settings: settings)
        let progress = ProgressReport(
            to: .standardOutput(), isQuiet: runOptions.quiet, footer: ["metrics: \(path)/metrics.jsonl"])
        let trainer = Trainer(
            length: .epochs(runOptions.epochs), sampler: sampler, optimizerName: name,
            setUpSeconds: start.duration(to: clock.now) / .seconds(1), sinks: [folder.metrics, progress],
            cancellation: .bySignals())
        let summary = try trainer.run(
            problem, with: setup.make(problem.parameters, generator: runOptions.generator(for: .curvature)))
        if case .interrupted(let signal) = summary.outcome { throw ExitCode(128 + (signal ?? 0)) }
    }

    /// The network for the images of a task.
    private func network(for task: ImageTask) throws -> ConvNet {
        let shape = task.training.imageShape
        guard shape[1] == shape[2], shape[1] >= 8 else {
            throw ToolError(
                "the images of \(task.name) have \(shape[1]) x \(shape[2]) pixels: the network takes square ones of "
                    + "at least 8 x 8")
        }
        var generator = runOptions.generator(for: .parameters)
        return ConvNet(
            channels: [shape[0], 32, 64, 128], imageSize: shape[1], classes: task.training.classes,
            device: runOptions.device,
            using: &generator)
    }
}

/// What `config.json` says.
private struct Settings: Encodable {
    var version = KFACTool.version
    let dataset: String
    let trainingExamples: Int
    let normalization: Normalization
    let optimizer: OptimizerSetup
    let epochs: Int
    let batchSize: Int
    let seed: UInt64
    let device: String
    let threads: Int
    let libtorch: String

    init(dataset: String, optimizer: OptimizerSetup, training: Int, normalization: Normalization, run: RunOptions) {
        self.dataset = dataset
        self.optimizer = optimizer
        self.normalization = normalization
        trainingExamples = training
        epochs = run.epochs
        batchSize = run.batchSize
        seed = run.seed
        device = "\(run.device)"
        threads = Runtime.threadCount
        libtorch = Runtime.version
    }
}
