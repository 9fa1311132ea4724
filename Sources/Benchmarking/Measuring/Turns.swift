import Reports

/// Times several forms of the same work in turns, so that what else the machine does falls on all of them.
struct Turns {
    /// The number of rounds, each of which times every form once.
    var rounds: Int
    /// Called before each round with its number, from 1; 0 is the warm-up.
    var onRound: (Int) throws -> Void = { _ in }

    /// A short run is repeated until it takes this long, in seconds.
    private static let leastSeconds = 0.02

    /// Times each form in each round, after a warm-up that does not count.
    ///
    /// - Returns: For each form its samples, in the order of the rounds.
    func samples(of forms: [() throws -> Void]) throws -> [[Sample]] {
        try onRound(0)
        let times = try forms.map { form in
            let first = try Sample(of: form)
            return min(50, max(1, Int((Self.leastSeconds / first.seconds).rounded(.up))))
        }
        var samples = forms.map { _ in [Sample]() }
        for round in 1...rounds {
            try onRound(round)
            for (index, form) in forms.enumerated() {
                samples[index].append(try Sample(times: times[index], of: form))
            }
        }
        return samples
    }
}

/// The time of one run.
struct Sample: Hashable {
    /// By the clock on the wall.
    var seconds: Double
    /// By all threads of this process together.
    var cpuSeconds: Double

    init(seconds: Double, cpuSeconds: Double) { (self.seconds, self.cpuSeconds) = (seconds, cpuSeconds) }

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
