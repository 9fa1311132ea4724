import ArgumentParser
import Datasets
import KFAC
import Torch
import Training

/// The command `kfac train`.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a network on one of the built-in problems.",
        discussion: """
            The problems:
              fashion-mnist-cnn          three 3x3 convolutions and a linear layer tell the classes apart
              fashion-mnist-autoencoder  784-1000-500-250-30 and back: Martens & Grosse 2015
              fashion-mnist-rows         a recurrent network of 128 tanh units reads an image row by row
              resnet20                   a residual network of 20 layers on CIFAR-10, or on synthetic images
              poisson                    a network solves Poisson's equation on the unit square, in float64

            The model is tested after each epoch. All batches and all random numbers follow from the seed: the same \
            command, with the same number of threads, gives the same numbers.

            A run leaves a folder with its settings (config.json) and, one JSON object a line, all that happened \
            (metrics.jsonl). Ctrl-C ends it after the step in progress, with a summary so far; a second Ctrl-C at once.

            Examples:
              kfac train
              kfac train --optimizer sgd --learning-rate 0.05 --epochs 5
              kfac train --damping 0.03 --inverse-period 20 --output runs/trial
              kfac train --problem fashion-mnist-autoencoder --steps 500 --batch-growth 500 --test-period 20
              kfac train --data ~/datasets/mnist --device cuda
            """)

    @OptionGroup(title: "Problem") var problemOptions: ProblemOptions
    @OptionGroup(title: "Optimizer") var optimizerOptions: OptimizerOptions
    @OptionGroup(title: "Run") var runOptions: RunOptions
    @OptionGroup(title: "Machine") var machineOptions: MachineOptions

    func run() throws {
        let clock = ContinuousClock()
        let start = clock.now
        try machineOptions.prepareRuntime()
        let source = try ProblemSource(problemOptions, device: machineOptions.device)
        var generators = RunGenerators(seed: runOptions.seed, device: machineOptions.device)
        let problem = source.problem(using: &generators.parameters)
        let sampler = runOptions.sampler(of: source, generator: generators.batches)
        let length = runOptions.length(of: source.name)
        let setup = optimizerOptions.setup(
            steps: length.steps(of: sampler), problem: source.name, layers: problem.layerChoices)

        // From here on there is something to lose.
        Interruption.watch()
        let name = optimizerOptions.optimizer.rawValue
        let path = runOptions.output ?? RunFolder.unusedPath(problem: source.name.rawValue, optimizer: name)
        let folder = try RunFolder(
            path: path,
            settings: Settings(source: source, options: problemOptions, optimizer: setup, run: runOptions))
        let progress = ProgressReport(
            to: .standardOutput(), isQuiet: runOptions.quiet, footer: ["metrics: \(path)/metrics.jsonl"])
        let trainer = Trainer(
            length: length, sampler: sampler, optimizerName: name,
            setUpSeconds: start.duration(to: clock.now) / .seconds(1), sinks: [folder.metrics, progress],
            cancellation: .bySignals(), evaluationPeriod: runOptions.testPeriod,
            evaluationLimit: runOptions.testLimit,
            averaging: runOptions.average.map { .exponential(decay: $0) })
        let summary = try trainer.run(
            problem, with: setup.make(problem.parameters, generator: generators.optimizer))
        if case .interrupted(let signal) = summary.outcome { throw ExitCode(128 + (signal ?? 0)) }
    }
}

/// What `config.json` says.
private struct Settings: Encodable {
    var version = KFACTool.version
    let problem: ProblemName
    let dataset: String?
    let trainingExamples: Int
    let normalization: Normalization?
    let augment: Bool?
    let initialization: InitializationName?
    let optimizer: OptimizerSetup
    let epochs: Int?
    let steps: Int?
    let batchSize: Int
    let batchGrowth: Int?
    let testPeriod: Int?
    let testLimit: Int?
    let average: Double?
    let seed: UInt64
    let device: String
    let threads: Int
    let libtorch: String

    init(source: ProblemSource, options: ProblemOptions, optimizer: OptimizerSetup, run: RunOptions) {
        problem = source.name
        dataset = source.dataset
        trainingExamples = source.trainingCount
        normalization = source.normalization
        augment = source.name == .residual ? options.augment : nil
        initialization = source.name == .autoencoder ? options.initialization ?? .xavier : nil
        self.optimizer = optimizer
        epochs = run.steps == nil ? run.epochs ?? source.name.epochs : nil
        steps = run.steps
        batchSize = run.batchSize ?? source.name.batchSize
        batchGrowth = run.batchGrowth
        testPeriod = run.testPeriod
        testLimit = run.testLimit
        average = run.average
        seed = run.seed
        device = "\(source.device)"
        threads = Runtime.threadCount
        libtorch = Runtime.version
    }
}
