import Curvature

extension StepReport {
    /// Runs `body` and adds its time to a phase.
    package mutating func time<Result, Failure: Error>(
        _ phase: Phase, _ body: () throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let clock = ContinuousClock()
        let start = clock.now
        defer { phases.append((phase, start.duration(to: clock.now).seconds)) }
        return try body()
    }
}

extension Duration {
    /// The duration in seconds.
    package var seconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) * 1e-18
    }
}
