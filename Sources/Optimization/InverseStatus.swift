/// The state of one layer's inverse at a step.
public struct InverseStatus: Sendable, Hashable, Codable {
    /// The layer's name.
    public var layer: String
    /// The number of steps since the statistics that it was computed of; 0 where it is of this step.
    public var age: Int
    /// Whether this step is the first to use it.
    public var isNew: Bool
    /// The error that a probe found at this step, before an update; nil without a probe (`InverseSchedule.whenStale`).
    public var staleness: Double?
    /// The replacement of an inverse that failed; nil for the inverse itself.
    public var repair: InverseRung?

    /// Creates the state of an inverse.
    public init(layer: String, age: Int, isNew: Bool, staleness: Double? = nil, repair: InverseRung? = nil) {
        self.layer = layer
        self.age = age
        self.isNew = isNew
        self.staleness = staleness
        self.repair = repair
    }
}
