import ArgumentParser
import Foundation
import Torch
import Training

extension Train {
    /// Continues a run; other options may make it longer or shorter, and must not change it otherwise.
    func resume(_ path: String, given: [String]) throws {
        guard runOptions.output == nil else {
            throw ValidationError("--resume continues in the run's own folder: leave --output out.")
        }
        let point = try checkingMemory { try ResumePoint(path) }
        point.notes.forEach(StandardStreams.note)
        let own = try Self.stored(point)
        // A length that is given takes the place of the run's own.
        var arguments = point.arguments
        if runOptions.hasLength {
            arguments = Self.removing(RunOptions.lengthOptions, from: arguments)
            if let epochs = runOptions.epochs { arguments.append("--epochs=\(epochs)") }
            if let steps = runOptions.steps { arguments.append("--steps=\(steps)") }
        }
        let rest = Self.removing(["--resume"] + RunOptions.lengthOptions, from: given)
        let command = try Self.continued(arguments, rest)
        let layout = Self.layout(of: point.checkpoint?.manifest)
        if let difference = ChosenOption.difference(stored: own.chosen(layout), current: command.chosen(layout)) {
            throw CheckpointError.otherSettings(
                point.checkpointPath ?? "\(point.place.path)/checkpoints", difference: difference)
        }
        let problem = own.problemOptions.problem
        let isAsLong = command.runOptions.length(of: problem) == own.runOptions.length(of: problem)
        try command.train(arguments: isAsLong ? point.arguments : arguments, from: point)
    }

    /// The run's own options with those that were given besides.
    private static func continued(_ arguments: [String], _ rest: [String]) throws -> Train {
        var own = arguments
        if rest.contains("--no-checkpoints") { own = removing(CheckpointOptions.options, from: own) }
        // Its own message would name another command.
        do { return try Train.parse(own + rest) } catch { throw ValidationError(Train.message(for: error)) }
    }

    /// The options of a run; help that is asked for in there is no reason to end well.
    static func stored(_ point: ResumePoint) throws -> Train {
        do { return try Train.parse(point.arguments) } catch {
            let isRefusal = !Train.exitCode(for: error).isSuccess
            let reason = isRefusal ? Train.message(for: error) : "they ask for help"
            throw ToolError(
                "the options that the run in \(point.place.path) was started with cannot be used: \(reason): start the run "
                    + "again")
        }
    }

    /// All that decides on what a run does, but for its length and its data.
    ///
    /// - Parameter layout: How images lie in memory where that is not given; nil for the faster layout.
    func chosen(_ layout: ImageLayout? = nil) -> [ChosenOption] {
        var defaults = defaults
        // No settings of a run where nothing is given: earlier versions did not tell them.
        defaults["precision"] = PrecisionName.float32
        defaults["layout"] = layout ?? ImageLayout.preferred(for: .float32, on: machineOptions.device)
        return DeclaredOption.all(of: self).filter { !Self.unchanging.contains($0.name) }
            .map { ChosenOption($0, default: defaults[$0.property]) }
    }

    /// What holds where nothing is given, by the options' properties; nothing of those that do nothing then.
    var defaults: [String: Any] {
        let problem = problemOptions.problem
        return optimizerOptions.defaults(on: problem).merging(runOptions.defaults(on: problem)) { $1 }
            .merging(ProblemOptions.defaults) { $1 }
    }

    /// A command line without some options and their values.
    static func removing(_ options: [String], from arguments: [String]) -> [String] {
        var rest: [String] = []
        var skipsNext = false
        for argument in arguments {
            if skipsNext {
                skipsNext = false
            } else if options.contains(argument) {
                skipsNext = true
            } else if !options.contains(where: { argument.hasPrefix("\($0)=") }) {
                rest.append(argument)
            }
        }
        return rest
    }

    /// Refuses a length that the run has passed already.
    func requireLength(_ steps: Int, from checkpoint: Checkpoint) throws {
        let done = checkpoint.manifest.progress.summary.steps
        guard runOptions.hasLength, steps < done else { return }
        let option = runOptions.epochs.map { "--epochs \($0)" } ?? "--steps \(runOptions.steps ?? 0)"
        throw ValidationError(
            "\(option) comes to \(Text.count(steps, "step")), and the run has done \(done) already: give a greater "
                + "number.")
    }

    /// Tells where lines of a run are missing that its checkpoint knows of.
    static func noteMetrics(of point: ResumePoint) {
        guard let expected = point.checkpoint?.manifest.progress.metricsByteCount else { return }
        let path = "\(point.place.path)/metrics.jsonl"
        let file = try? InputFile(path: path)
        let size = file?.byteCount ?? 0
        var end: UInt8 = 0
        if size < expected {
            StandardStreams.note(
                "\(path) has \(size) bytes, and had \(expected) when the checkpoint was written: lines of steps before it "
                    + "are missing")
        } else if let file, pread(file.descriptor, &end, 1, off_t(expected - 1)) == 1, end != UInt8(ascii: "\n") {
            StandardStreams.note(
                "\(path) was changed after the checkpoint was written: its lines are not all of this run")
        }
    }
}
