import KFAC

/// When and where checkpoints of a run are written.
///
/// One is written at the end of a run, too, however it ends but by an error.
public struct CheckpointPlan: Sendable {
    /// Where they are written, and how many are kept.
    public var folder: CheckpointFolder
    /// The number of steps between checkpoints; nil for none after a number of steps.
    public var period: Int?
    /// The time between checkpoints, in seconds; nil for none after a time.
    ///
    /// They take none of a run's results: only when it can be resumed depends on the time.
    public var interval: Double?
    /// Whether one is written after each test that had the best score so far.
    public var keepsBest: Bool
    /// The settings of the run, as ``CheckpointSettings`` takes them apart; a resumed run must have the same.
    public var settings: [String: String]
    /// The paths of settings that a resumed run may choose otherwise.
    public var changeableSettings: Set<String>
    /// The arguments of the run, stored for resuming it; nil for none.
    public var arguments: [String]?

    /// Creates a plan; by default a checkpoint every five minutes.
    public init(
        folder: CheckpointFolder, period: Int? = nil, interval: Double? = 300, keepsBest: Bool = true,
        settings: [String: String] = [:], changeableSettings: Set<String> = [],
        arguments: [String]? = nil
    ) {
        self.folder = folder
        self.period = period
        self.interval = interval
        self.keepsBest = keepsBest
        self.settings = settings
        self.changeableSettings = changeableSettings
        self.arguments = arguments
        if let defect { fatalError("CheckpointPlan: \(defect)") }
    }

    /// Why no run can follow the plan; nil where one can.
    var defect: String? {
        [
            period.flatMap { SettingBounds.checkpointPeriod.defect("the number of steps between checkpoints", $0) },
            interval.flatMap { SettingBounds.checkpointSeconds.defect("the seconds between checkpoints", $0) },
        ].firstDefect
    }
}
