import ArgumentParser
import Comparisons
import Foundation
import KFAC
import Torch
import Training

/// The command `kfac compare`.
struct Compare: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Compare optimizers on one problem: tuned alike, on the same batches, over several seeds.",
        discussion: """
            Each method is tuned first: as many trials as every other, on a grid that is even in the logarithm of each \
            option. Its best setting then runs once with each seed. What a seed decides, the initial parameters and the \
            batches, is the same for all methods, and methods take turns. Time is that of the steps, without the tests.

            A comparison leaves a folder with the plan, a CSV file for each run, the tables tuning.csv and summary.csv, \
            and the page report.html, which needs no network. Ctrl-C ends it after the step in progress; the same \
            command with the same --output continues it. A folder of another plan is refused.

            Examples:
              kfac compare --target best:adam
              kfac compare --problem fashion-mnist-autoencoder --target 10 --target 7 --output runs/autoencoder
              kfac compare --method kfac --method often=kfac --search often.inverse-period=1 --steps 200 --seeds 3
              kfac compare --method kfac --method nesterov=sgd --search nesterov.nesterov=on \
            --search nesterov.learning-rate=0.01:1
            """)

    @OptionGroup(title: "Problem") var problemOptions: ProblemOptions
    @OptionGroup(title: "Methods") var methodOptions: ComparisonMethodOptions
    @OptionGroup(title: "Comparison") var runOptions: ComparisonRunOptions
    @OptionGroup(title: "Machine") var machineOptions: MachineOptions

    func validate() throws {
        let problem = problemOptions.problem
        try problemOptions.misplaced.refuse()
        let methods = try methodOptions.comparisonMethods(for: problem)
        for method in methods { try method.check(on: problem, runOptions) }
        if let option = runOptions.givenForTuning.first, !methods.contains(where: \.isTunable) {
            throw ValidationError("\(option) is for methods with something to search only; all options are fixed.")
        }
        let labels = methods.map(\.label)
        for case .final(let label) in runOptions.targets where !labels.contains(label) {
            throw ValidationError(
                "--target best:\(label) is for a method that takes no part; the methods are "
                    + "\(labels.joined(separator: ", ")).")
        }
    }

    func run() throws {
        try explainingMemory(
            options: ["--train-limit", "--batch-size"], ending: { "; the runs that were done stand" }, compare)
    }

    private func compare() throws {
        try machineOptions.prepareRuntime()
        let builtIn = problemOptions.problem
        let begun = runOptions.output.flatMap { ComparisonFolder.plan(in: $0) }
        let source = try checkingMemory {
            try ProblemSource(
                problemOptions, device: machineOptions.device, known: .init(begun, of: builtIn))
        }
        let plan = try plan(of: source)
        let memory = MemoryLines()
        let comparison = Comparison(plan: plan, device: source.device) { generator in
            source.problem(using: &generator)
        } optimizer: { run, problem, generator in
            let optimizer = plan.methods.first { $0.label == run.method }?.optimizer ?? run.method
            let options = try OptimizerOptions(optimizer: optimizer, run.settings)
            try options.check(on: builtIn, steps: run.steps)
            let made = options.setup(steps: run.steps, problem: builtIn, layers: problem.layerChoices)
                .make(problem.parameters, generator: generator)
            made.tellMemory { memory.tell("\(run.method): \($0)") }
            return made
        }

        // From here on there is something to lose.
        Interruption.watch()
        let place =
            try runOptions.output.map { try self.place($0) }
            ?? OwnedFolder.unused(problem: builtIn.name, optimizer: "comparison")
        let path = place.path
        let folder = try ComparisonFolder(place, plan: plan)
        if folder.isDataUnknown {
            StandardStreams.note(
                "the plan in \(path), from an earlier version, has no hash of its data: make sure that the data are "
                    + "the same")
        }
        let progress = ComparisonProgress(
            to: .standardOutput(), isQuiet: runOptions.quiet, folder: path, continuation: continuation(path))
        memory.note = progress.note
        let outcome = try comparison.run(
            in: folder, cancellation: .bySignals(), onEvent: progress.receive)
        if case .interrupted(let signal) = outcome { throw ExitCode(128 + (signal ?? 0)) }
    }

    private func place(_ path: String) throws -> OwnedFolder {
        do { return try OwnedFolder(path: path) } catch RunFolderError.busy { throw ComparisonError.busy(path) }
    }

    /// The command line that continues this comparison.
    private func continuation(_ path: String) -> String {
        var words = ["kfac"] + CommandLine.arguments.dropFirst()
        if runOptions.output == nil { words += ["--output", path] }
        return words.map { word in
            word.wholeMatch(of: /[-A-Za-z0-9_.\/:=,+@%]+/) != nil
                ? word : "'\(word.replacing("'", with: "'\\''"))'"
        }.joined(separator: " ")
    }
}

/// Tells what methods' curvature takes, each line once.
private final class MemoryLines {
    var note: (String) -> Void = { _ in }
    private var told: Set<String> = []

    func tell(_ line: String) {
        if told.insert(line).inserted { note(line) }
    }
}
