/// Which of several updates run at a step, when some of them run at each: the inverses' cost spread over steps.
///
/// Each runs as often as the others, in turn: of n updates b each step, update j at step s exactly when
/// (b − 1 + s·b − j) mod n < b. The original's `batch_execute`.
public struct RoundRobin: Sendable, Hashable {
    /// The number of updates.
    public let count: Int
    /// How many of them run at each step; at most all.
    public let perStep: Int

    /// Creates a schedule of `count` updates, of which `perStep` run at each step.
    public init(count: Int, perStep: Int) {
        guard count > 0, perStep > 0 else {
            fatalError("RoundRobin: \(perStep) of \(count) updates at each step; positive numbers are needed")
        }
        self.count = count
        self.perStep = min(perStep, count)
    }

    /// The numbers of the updates that run at a step, both from zero on.
    public func updates(atStep step: Int) -> [Int] {
        (0..<count).filter { update in
            let place = (perStep - 1 + step * perStep - update) % count
            return (place + count) % count < perStep
        }
    }
}
