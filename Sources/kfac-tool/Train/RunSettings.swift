import ArgumentParser
import Datasets
import KFAC
import Torch
import Training

/// The settings of a run: the content of `config.json`, and that by which a checkpoint is compared.
///
/// The options of problem, run and machine are stored as they are declared, under the names of their properties; those
/// of the optimiser as its configuration.
struct RunSettings: Encodable {
    /// The arguments that the run is resumed with.
    let arguments: [String]

    private let fields: [(name: String, value: any Encodable)]

    /// The options that other fields stand for.
    private static let storedOtherwise: Set<String> = ["--train-limit", "--layout"]

    /// Puts the settings of a run together.
    ///
    /// - Parameters:
    ///   - isNew: Whether paths are to be made absolute; those of a resumed run are compared as they were stored.
    ///   - dataset: The name of the data; nil if it is part of the problem.
    ///   - normalization: That of pixels; nil if there are none.
    ///   - layout: How images lie in memory; nil in a run of an earlier version, which did not store it.
    init(
        _ command: Train, arguments: [String], isNew: Bool, optimizer: OptimizerSetup, dataset: String?,
        normalization: Normalization?, trainingExamples: Int, layout: ImageLayout?
    ) {
        self.arguments = arguments
        let (problem, run) = (command.problemOptions.problem, command.runOptions)
        var fields: [(String, (any Encodable)?)] = [
            ("version", KFACTool.version), ("arguments", arguments), ("dataset", dataset),
            ("trainingExamples", trainingExamples), ("normalization", normalization), ("optimizer", optimizer),
            ("epochs", run.steps == nil ? run.epochs ?? problem.epochs : nil), ("steps", run.steps),
            ("threads", Runtime.threadCount), ("products", Runtime.matrixProducts.rawValue),
            ("libtorch", Runtime.version), ("layout", problem.options.contains("--layout") ? layout : nil),
        ]
        let defaults = command.defaults
        let groups: [any ParsableArguments] = [command.problemOptions, run, command.machineOptions]
        for option in groups.flatMap(DeclaredOption.all) {
            guard !Train.unchanging.contains(option.name), !Self.storedOtherwise.contains(option.name) else { continue }
            let isParticular = BuiltInProblem.all.contains { $0.options.contains(option.name) }
            if isParticular, !problem.options.contains(option.name) { continue }
            var value = option.value ?? defaults[option.property]
            if option.isFlag {
                // Earlier versions did not store flags that they did not have.
                value = option.isGiven ? true : isParticular ? false : nil
            } else if isNew, let path = value as? String, StoredArguments.paths.contains(option.name) {
                value = StoredArguments.absolute(path)
            } else if value as? PrecisionName == .float32 {
                // What runs have where nothing is given, which is not told either.
                value = nil
            }
            fields.append((option.property, value.map { $0 as? any Encodable ?? DeclaredOption.text($0) }))
        }
        self.fields = fields.compactMap { name, value in value.map { (name, $0) } }
    }

    /// The settings that may differ between a run and its resumption: the machine, and the length with the schedules
    /// over it.
    func changeable() throws -> Set<String> {
        let schedules = try compared().keys.filter { $0.hasPrefix("optimizer.") && $0.hasSuffix(".steps") }
        return Set(["version", "threads", "products", "libtorch", "epochs", "steps"] + schedules)
    }

    /// The settings by which a checkpoint is compared.
    func compared() throws -> [String: String] {
        try CheckpointSettings.flattened(self).filter { !$0.key.hasPrefix("arguments") }
    }

    private struct Key: CodingKey {
        let stringValue: String
        let intValue: Int? = nil

        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }

    /// Writes a field for each setting.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: Key.self)
        for (name, value) in fields { try container.encode(value, forKey: Key(stringValue: name)) }
    }
}
