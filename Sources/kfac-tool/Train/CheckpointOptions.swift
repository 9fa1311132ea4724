import ArgumentParser
import KFAC
import Training

/// When checkpoints are written.
struct CheckpointOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Continue the run in this folder, from its newest checkpoint, or from the checkpoint whose folder this "
                + "is. The run keeps its own options.", valueName: "folder"))
    var resume: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The time between checkpoints, in minutes. (default: \(Self.defaultInterval))", valueName: "minutes"),
        transform: SettingBounds.checkpointMinutes.number)
    var checkpointInterval: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of steps between checkpoints, in addition to those of --checkpoint-interval. (default: none)",
            valueName: "steps"),
        transform: SettingBounds.checkpointPeriod.count)
    var checkpointPeriod: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of the last checkpoints to keep; the one with the best test is kept as well. (default: \(Self.defaultCount))",
            valueName: "count"),
        transform: SettingBounds.keptCheckpoints.count)
    var keepCheckpoints: Int?

    @Flag(help: "Write no checkpoints: the run cannot be resumed.")
    var noCheckpoints = false

    /// The options that have no effect without checkpoints.
    static let options = ["--checkpoint-interval", "--checkpoint-period", "--keep-checkpoints"]

    private static let defaultInterval = 5.0
    private static let defaultCount = 2

    func validate() throws {
        if resume == "" { throw ValidationError("--resume needs the path of a folder; an empty text was given.") }
        for (option, isGiven) in [
            ("--checkpoint-interval", checkpointInterval != nil), ("--checkpoint-period", checkpointPeriod != nil),
            ("--keep-checkpoints", keepCheckpoints != nil),
        ] where noCheckpoints && isGiven {
            throw ValidationError("\(option) has no effect with --no-checkpoints: leave one of them out.")
        }
    }

    /// The plan for the run in a folder; nil for none.
    func plan(
        runPath: String, settings: [String: String], changeable: Set<String>, arguments: [String]
    ) -> CheckpointPlan? {
        guard !noCheckpoints else { return nil }
        return CheckpointPlan(
            folder: CheckpointFolder(path: "\(runPath)/checkpoints", keptCount: keepCheckpoints ?? Self.defaultCount),
            period: checkpointPeriod, interval: (checkpointInterval ?? Self.defaultInterval) * 60, settings: settings,
            changeableSettings: changeable, arguments: arguments)
    }
}
