import ArgumentParser
import Training

/// When checkpoints are written.
struct CheckpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Go on with the run in this folder, from its newest checkpoint, or from the checkpoint whose folder this "
                + "is. The run keeps its own options.", valueName: "folder"))
    var resume: String?

    @Option(
        help: ArgumentHelp(
            "The time between checkpoints, in minutes. (default: \(Self.defaultInterval))", valueName: "minutes"))
    var checkpointInterval: Double?

    @Option(
        help: ArgumentHelp(
            "The number of steps between checkpoints, besides those of --checkpoint-interval. (default: none)",
            valueName: "steps"))
    var checkpointPeriod: Int?

    @Option(
        help: ArgumentHelp(
            "The number of the last checkpoints to keep; the one with the best test is kept besides.",
            valueName: "count"))
    var keepCheckpoints = 2

    @Flag(help: "Write no checkpoints: the run cannot be resumed.")
    var noCheckpoints = false

    private static let defaultInterval = 5.0

    func validate() throws {
        if let checkpointInterval, !(checkpointInterval > 0 && checkpointInterval.isFinite) {
            throw ValidationError("--checkpoint-interval must be positive; \(checkpointInterval) was given.")
        }
        if let checkpointPeriod { try check("--checkpoint-period", checkpointPeriod, in: 1...1_000_000) }
        try check("--keep-checkpoints", keepCheckpoints, in: 1...1_000_000)
        if resume == "" { throw ValidationError("--resume needs the path of a folder; an empty text was given.") }
        if noCheckpoints, checkpointInterval != nil || checkpointPeriod != nil {
            throw ValidationError("--no-checkpoints leaves nothing to be said of when they are written.")
        }
    }

    /// The plan for the run in a folder; nil for none.
    func plan(
        runPath: String, settings: [String: String], changeable: Set<String>, arguments: [String]
    ) -> CheckpointPlan? {
        guard !noCheckpoints else { return nil }
        return CheckpointPlan(
            folder: CheckpointFolder(path: "\(runPath)/checkpoints", keptCount: keepCheckpoints),
            period: checkpointPeriod, interval: (checkpointInterval ?? Self.defaultInterval) * 60, settings: settings,
            changeableSettings: changeable, arguments: arguments)
    }
}
