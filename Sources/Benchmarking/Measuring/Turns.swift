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
