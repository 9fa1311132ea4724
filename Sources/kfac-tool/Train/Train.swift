import ArgumentParser
import Datasets
import Foundation
import KFAC
import Torch
import Training

/// The command `kfac train`.
struct Train: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Train a network on one of the built-in problems.",
        discussion: """
            The problems:
            \(BuiltInProblem.table)

            The model is tested after each epoch. All batches and all random numbers follow from the seed: the same \
            command, with the same number of threads, gives the same numbers.

            A run leaves a folder with its settings (config.json), a log with one JSON object per line \
            (metrics.jsonl), checkpoints, and the weights under PyTorch's names (weights.safetensors). Ctrl-C, \
            SIGTERM, a closed terminal or a scheduler's warning (SIGXCPU, SIGUSR1, SIGUSR2) ends it after the step in \
            progress, with a checkpoint and the exit status 75; a second one ends it at once. A resumed run \
            ends in the same bits as one that was never stopped.

            With --resume, --epochs or --steps lengthen or shorten a run, even a finished one. Its learning rate \
            continues as in a run of that length: a constant one stays, one that falls to zero over the run does so \
            over the new length.

            Examples:
              kfac train
              kfac train --optimizer sgd --learning-rate 0.05 --epochs 5
              kfac train --step-rule fixed --damping 0.03 --output runs/trial
              kfac train --problem fashion-mnist-autoencoder --steps 500 --batch-growth 500 --test-period 20
              kfac train --data ~/datasets/mnist --device cuda
              kfac train --resume runs/trial
              kfac train --resume runs/trial --epochs 4
            """)

    @OptionGroup(title: "Problem") var problemOptions: ProblemOptions
    @OptionGroup(title: "Optimizer") var optimizerOptions: OptimizerOptions
    @OptionGroup(title: "Run") var runOptions: RunOptions
    @OptionGroup(title: "Checkpoints") var checkpointOptions: CheckpointOptions
    @OptionGroup(title: "Machine") var machineOptions: MachineOptions

    /// The exit status of a run that was stopped and can be resumed: EX_TEMPFAIL of sysexits.h.
    static let resumableStatus: Int32 = 75

    /// The options that change no run, or only its length, or whose content is compared; all others are stored, and a
    /// resumed run has the same.
    static let unchanging: Set<String> = Set(
        RunOptions.lengthOptions + CheckpointOptions.options + [
            "--data", "--output", "--quiet", "--resume", "--no-checkpoints", "--threads", "--products",
        ])

    func validate() throws {
        // Options given with --resume join the run's own options first.
        guard checkpointOptions.resume == nil else { return }
        let problem = problemOptions.problem
        try (problemOptions.misplaced + optimizerOptions.misplaced(on: problem)).refuse()
        if problemOptions.initialization != nil, runOptions.initialWeights != nil {
            throw ValidationError("--initialization has no effect with --initial-weights: leave one of them out.")
        }
        try optimizerOptions.check(on: problem, steps: runOptions.steps)
    }

    func run() throws {
        // Options of the process, without the names of program and command.
        let given = StoredArguments.absolute(Array(CommandLine.arguments.dropFirst(2)))
        try explainingMemory(options: ["--train-limit", "--batch-size"]) {
            if let path = checkpointOptions.resume {
                try resume(path, given: given)
            } else {
                try train(arguments: given)
            }
        }
    }

    func train(arguments: [String], from point: ResumePoint? = nil) throws {
        let clock = ContinuousClock()
        let start = clock.now
        try machineOptions.prepareRuntime()
        if machineOptions.products == nil, let products = point?.checkpoint?.manifest.products, products.isAvailable {
            Runtime.matrixProducts = products
        }
        var generators = RunGenerators(seed: runOptions.seed, device: machineOptions.device)
        let (source, problem) = try checkingMemory {
            let source = try ProblemSource(
                problemOptions, device: machineOptions.device, known: .init(point?.checkpoint?.manifest),
                layout: Self.layout(of: point?.checkpoint?.manifest))
            let problem = source.problem(using: &generators.parameters)
            // A checkpoint has weights of its own.
            if let file = runOptions.initialWeights, point?.checkpoint == nil { try load(file, into: problem) }
            return (source, problem)
        }
        let builtIn = problemOptions.problem
        let sampler = runOptions.sampler(
            of: builtIn, trainingCount: problem.trainingCount, generator: generators.batches)
        let length = runOptions.length(of: builtIn)
        let steps = length.steps(of: sampler)
        try optimizerOptions.check(on: builtIn, steps: steps)
        let setup = optimizerOptions.setup(
            steps: steps, problem: builtIn, layers: problem.layerChoices)
        let settings = RunSettings(
            self, arguments: arguments, isNew: point == nil, optimizer: setup, dataset: source.dataset,
            normalization: source.normalization, trainingExamples: problem.trainingCount,
            layout: tellsLayout(point?.checkpoint?.manifest) ? source.layout : nil)

        // From here on there is something to lose.
        Interruption.watch()
        let name = optimizerOptions.optimizer.name
        let place =
            try point?.place ?? runOptions.output.map { try OwnedFolder(path: $0) }
            ?? OwnedFolder.unused(problem: builtIn.name, optimizer: name)
        let path = place.path
        let checkpoint = point?.checkpoint
        let plan = checkpointOptions.plan(
            runPath: path, settings: try settings.compared(), changeable: try settings.changeable(),
            arguments: arguments)
        let trainer = Trainer(
            length: length, sampler: sampler, optimizerName: name,
            setUpSeconds: start.duration(to: clock.now) / .seconds(1), cancellation: .bySignals(),
            evaluationPeriod: runOptions.testPeriod, evaluationLimit: runOptions.testLimit,
            averaging: runOptions.average.map { .exponential(decay: $0) }, checkpoints: plan)
        if let checkpoint {
            try requireLength(steps, from: checkpoint)
            try trainer.check(checkpoint, at: point?.checkpointPath, problem: problem)
        }
        if let point { Self.noteMetrics(of: point) }
        let folder = try runFolder(in: place, settings, from: point, plan)
        if let manifest = checkpoint?.manifest { note(manifest, problem) }
        let progress = ProgressReport(
            to: .standardOutput(), isQuiet: runOptions.quiet, footer: ["metrics: \(path)/metrics.jsonl"])
        var recorded = trainer
        recorded.sinks = [folder.metrics, progress]
        recorded.weightsFile = URL(fileURLWithPath: "\(path)/weights.safetensors")
        let optimizer = try checkingMemory { setup.make(problem.parameters, generator: generators.optimizer) }
        optimizer.tellMemory { progress.note($0) }
        source.tellSlowPrecision { progress.note($0) }
        let summary = try explainingMemory(options: ["--batch-size"]) {
            let last = plan?.folder.paths.last
            return last.map { "; the last checkpoint, \($0), stands" } ?? ""
        } _: {
            try recorded.run(problem, with: optimizer, from: checkpoint)
        }
        guard case .interrupted(let signal) = summary.outcome else { return }
        guard plan != nil else { throw ExitCode(128 + (signal ?? 0)) }
        // Where nobody can read it, the status still says that the run can be resumed.
        Terminal.standardOutput().write("resume with: kfac train --resume \(path)\n")
        throw ExitCode(Self.resumableStatus)
    }

    /// How images lay in memory in a run that goes on, for it to end in the same bits; nil for a new run.
    ///
    /// Earlier versions, which knew the standard layout only, do not tell.
    static func layout(of manifest: CheckpointManifest?) -> ImageLayout? {
        manifest.map { $0.settings["layout"].flatMap(ImageLayout.init) ?? .standard }
    }

    private func tellsLayout(_ manifest: CheckpointManifest?) -> Bool {
        // The standard layout is what checkpoints that do not tell it mean.
        manifest.map { $0.settings["layout"] != nil } ?? true || ![nil, .standard].contains(problemOptions.layout)
    }

    private func load(_ file: String, into problem: any Problem) throws {
        let weights: [String: Tensor]
        do { weights = try Safetensors(contentsOf: URL(fileURLWithPath: file)).tensors } catch {
            throw ToolError("\(error): give a safetensors file of weights of the type F32, F64 or BF16")
        }
        do { try problem.load(weights: weights) } catch { throw ToolError("\(file): \(error)") }
    }

    /// Begins the run in a folder, or continues the one that is there.
    private func runFolder(
        in place: OwnedFolder, _ settings: RunSettings, from point: ResumePoint?, _ plan: CheckpointPlan?
    ) throws -> RunFolder {
        guard let point else { return try RunFolder(place, settings: settings) }
        // Metrics are not dropped before they can be written again.
        try plan?.folder.prepare()
        if point.isChosen, let path = point.checkpointPath,
            let steps = point.checkpoint?.manifest.progress.summary.steps
        {
            // Else, the run would go on from them once it is stopped.
            let newer = try CheckpointFolder(path: "\(place.path)/checkpoints").setAside(after: path, of: steps)
            for path in newer {
                StandardStreams.note("a newer checkpoint, which the run does not go on from, is called \(path) now")
            }
        }
        return try RunFolder(
            resuming: place, keepsMetrics: point.checkpoint != nil,
            settings: point.isConfigurationLost || point.arguments != settings.arguments ? settings : nil)
    }

    /// Tells where a resumed run may differ from the one before.
    private func note(_ manifest: CheckpointManifest, _ problem: any Problem) {
        if manifest.data == nil, !problem.dataFingerprint.isEmpty {
            StandardStreams.note(
                "the checkpoint, from an earlier version, has no hash of its data: make sure that the data are the same"
            )
        }
        if manifest.threads != Runtime.threadCount {
            let threads = manifest.threads == 1 ? "1 thread" : "\(manifest.threads) threads"
            StandardStreams.note(
                "the checkpoint was written with \(threads), this is run with \(Runtime.threadCount): results may differ in "
                    + "their last bits")
        }
        if let products = manifest.products, products != Runtime.matrixProducts {
            StandardStreams.note(
                "the checkpoint was written with products by the \(products.rawValue), this is run with those by the "
                    + "\(Runtime.matrixProducts.rawValue): results may differ in their last bits")
        }
        if manifest.libtorch != Runtime.version {
            StandardStreams.note(
                "the checkpoint was written with libtorch \(manifest.libtorch), this is \(Runtime.version): results "
                    + "may differ in their last bits")
        }
    }
}
