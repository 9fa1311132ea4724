/// Where a sink stands.
public struct SinkState: Sendable, Hashable, Codable {
    /// The number of bytes of its file; what follows is repeated by a resumed run.
    public var byteCount: Int?
    /// Numbers that it carries from event to event, a running sum for one, by names of its own.
    public var numbers: [String: Double]?

    /// Creates a state.
    public init(byteCount: Int? = nil, numbers: [String: Double]? = nil) {
        self.byteCount = byteCount
        self.numbers = numbers
    }
}
