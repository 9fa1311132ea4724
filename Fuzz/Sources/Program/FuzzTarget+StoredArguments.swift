import ArgumentParser
import Datasets
import Foundation
import FuzzTargets
import KFAC
import Torch
import Training

// A part of the tests, too, which import the command; this program has its sources.
#if !FUZZ_PROGRAM
    @testable import kfac_tool
#endif

extension FuzzTarget {
    /// All parsers.
    static let all = ofLibraries + [storedArguments]

    /// The `config.json` that a run is resumed with.
    private static let storedArguments: FuzzTarget = {
        let scratch = ScratchFile("config.json")
        return FuzzTarget(
            "stored-arguments", executions: 60, isText: true,
            refusals: [ToolError.self, ValidationError.self, CheckpointError.self, FileError.self],
            rewrite: rewriteArguments
        ) { bytes in
            _ = try scratch(bytes)
            let point = try ResumePoint(scratch.folder)
            let command = try Train.stored(point)
            try checkPaths(point.arguments, of: command)
            try checkLengths(point.arguments, of: command)
            try begin(command, point.arguments, in: scratch.folder)
        }
    }()

    /// What is written again means the same.
    private static func checkPaths(_ arguments: [String], of command: Train) throws {
        let absolute = StoredArguments.absolute(arguments)
        try require(StoredArguments.absolute(absolute) == absolute, "\(absolute) is made absolute again")
        guard absolute != arguments else { return }
        let again = try parse(absolute)
        let difference = ChosenOption.difference(
            stored: command.chosen().filter { $0.name != "--initial-weights" },
            current: again.chosen().filter { $0.name != "--initial-weights" })
        try require(difference == nil, "\(arguments) and \(absolute) differ: \(difference!)")
    }

    /// A run that is made longer stays the same otherwise.
    private static func checkLengths(_ arguments: [String], of command: Train) throws {
        let rest = Train.removing(RunOptions.lengthOptions, from: arguments)
        let longer = try parse(rest + ["--steps=1000000000"])
        try require(longer.runOptions.steps == 1_000_000_000, "\(rest) has a length of its own")
        let difference = ChosenOption.difference(stored: command.chosen(), current: longer.chosen())
        try require(difference == nil, "the length changes \(difference!)")
    }

    private static func parse(_ arguments: [String]) throws -> Train {
        do { return try Train.parse(arguments) } catch {
            throw FuzzFault("\(arguments) is refused: \(Train.message(for: error))")
        }
    }

    /// All that a run does before it reads data: what the options allow, the libraries take.
    private static func begin(_ command: Train, _ arguments: [String], in folder: String) throws {
        let (run, problem) = (command.runOptions, command.problemOptions.problem)
        let sampler = run.sampler(
            of: problem, trainingCount: min(command.problemOptions.trainLimit ?? 1000, 1000),
            generator: RandomGenerator(seed: run.seed))
        let length = run.length(of: problem)
        let steps = length.steps(of: sampler)
        try require(steps > 0, "\(steps) steps")
        try command.optimizerOptions.check(on: problem, steps: steps)
        let parameters = [NamedParameter("weight", Tensor.zeros([2, 3]).requiringGradient())]
        let setup = command.optimizerOptions.setup(steps: steps, problem: problem)
        _ = setup.make(parameters, generator: RandomGenerator(seed: 1))
        _ = try JSONEncoder().encode(setup)
        let plan = command.checkpointOptions.plan(
            runPath: folder, settings: [:], changeable: [], arguments: arguments)
        _ = Trainer(
            length: length, sampler: sampler, optimizerName: "fuzz", evaluationPeriod: run.testPeriod,
            evaluationLimit: run.testLimit, averaging: run.average.map { .exponential(decay: $0) }, checkpoints: plan)
    }
}

/// What is in a `config.json` that a run is resumed by.
private struct StoredRun: Codable { var arguments: [String] }

/// Changes one of the arguments: options are others, or have other values; leaves what has none as it is.
@Sendable private func rewriteArguments(_ bytes: inout [UInt8], _ chance: inout Chance) {
    guard var run = try? JSONDecoder().decode(StoredRun.self, from: Data(bytes)) else { return }
    let place = chance.below(run.arguments.count + 1)
    switch chance.below(8) {
    case 0 where place < run.arguments.count: run.arguments.remove(at: place)
    case 1 where place < run.arguments.count: run.arguments.swapAt(place, chance.below(run.arguments.count))
    case 2, 3: run.arguments.insert(chance.pick(words), at: place)
    case 4, 5: run.arguments.insert("\(chance.pick(options))=\(chance.pick(words))", at: place)
    case 6: run.arguments.insert("\(chance.pick(options))=\(chance.pick(Mutator.numbers))", at: place)
    default:
        guard place < run.arguments.count else { break }
        let name = run.arguments[place].prefix { $0 != "=" }
        run.arguments[place] = "\(name)=\(chance.pick(Mutator.numbers))"
    }
    if let changed = try? JSONEncoder().encode(run) { bytes = Array(changed) }
}

/// The options of a run, and the words of their help, among which are the names of what can be chosen.
private let (options, words): ([String], [String]) = {
    let words = Set(Train.helpMessage().split { !($0.isLetter || $0.isNumber || "-._".contains($0)) }.map(String.init))
    return (words.filter { $0.hasPrefix("--") && $0.count > 2 }.sorted(), words.sorted())
}()
