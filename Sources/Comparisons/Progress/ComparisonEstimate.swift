/// How long a comparison will still take, from what the steps of each method took so far.
struct ComparisonEstimate {
    private var stepsLeft: [String: Int] = [:]
    private var measured: [String: (seconds: Double, steps: Int)] = [:]

    /// Takes in what is to be done, and what is done already.
    init(_ plan: ComparisonPlan, stored: [RunRecord]) {
        for method in plan.methods {
            let trials = method.isTunable ? plan.tuning.trials : 0
            stepsLeft[method.label] = trials * plan.tuning.steps + plan.seeds.count * plan.steps
        }
        for record in stored {
            finish(record.run)
            note(record.points.last?.seconds ?? 0, steps: record.points.last?.step ?? 0, of: record.run.method)
        }
    }

    /// Takes in that steps of a method took a time, the tests of the model between them included.
    mutating func note(_ seconds: Double, steps: Int, of method: String) {
        let before = measured[method] ?? (0, 0)
        measured[method] = (before.seconds + seconds, before.steps + steps)
    }

    /// Takes in that a run is over.
    mutating func finish(_ run: ComparisonRun) { drop(run.steps, of: run.method) }

    /// Takes in that there will be fewer steps than planned.
    mutating func drop(_ steps: Int, of method: String) { stepsLeft[method, default: 0] -= steps }

    /// The time that is left, in seconds; NaN where nothing is known yet.
    ///
    /// - Parameter current: The run in progress, the steps it has done, and the time that they took.
    func secondsLeft(_ current: (method: String, steps: Int, seconds: Double)?) -> Double {
        var estimate = self
        if let current {
            estimate.note(current.seconds, steps: current.steps, of: current.method)
            estimate.drop(current.steps, of: current.method)
        }
        let known = estimate.measured.values.filter { $0.steps > 0 }
        let mean = known.reduce(0) { $0 + $1.seconds / Double($1.steps) } / Double(known.count)
        return estimate.stepsLeft.reduce(0) { sum, entry in
            let own = estimate.measured[entry.key].flatMap { $0.steps > 0 ? $0.seconds / Double($0.steps) : nil }
            return sum + Double(max(0, entry.value)) * (own ?? mean)
        }
    }
}
