import Reports

/// The time of one run.
struct Sample: Hashable {
    /// By the clock on the wall.
    var seconds: Double
    /// By all threads of this process together.
    var cpuSeconds: Double
}

extension Sample {
    /// Runs something, once or several times in a row, and takes the mean.
    init<Failure: Error>(times: Int = 1, of body: () throws(Failure) -> Void) throws(Failure) {
        let clock = ContinuousClock()
        let cpuStart = processorSeconds()
        let start = clock.now
        for _ in 0..<times { try body() }
        seconds = start.duration(to: clock.now) / .seconds(times)
        cpuSeconds = (processorSeconds() - cpuStart) / Double(times)
    }

    /// The medians of both times.
    static func median(_ samples: [Sample]) -> Sample {
        Sample(seconds: samples.map(\.seconds).median, cpuSeconds: samples.map(\.cpuSeconds).median)
    }
}

extension [Double] {
    /// The middle number, or the mean of the two in the middle; of at least one number, none of them NaN.
    var median: Double {
        guard let spread = Spread(self) else { fatalError("median of \(self)") }
        return spread.median
    }
}
