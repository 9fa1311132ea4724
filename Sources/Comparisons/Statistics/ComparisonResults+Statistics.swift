public import Reports

extension ComparisonResults {
    /// How soon a method reaches a target, over its seeds.
    ///
    /// A run that never does so counts as infinitely late: where half of the runs miss it, so does the median.
    public struct Arrival: Sendable, Hashable {
        /// The number of runs that reached the target, and of all.
        public var reached: Int
        public var runs: Int
        /// The steps done at the first test of the model, or the first record of the training loss, at the target or
        /// beyond.
        public var steps: Spread
        /// The time of these steps, in seconds.
        public var seconds: Spread
        /// The time that processors worked for them, in seconds.
        public var cpuSeconds: Spread
    }

    /// The number that a target stands for; nil where it is not known yet.
    public func value(of target: ComparisonTarget) -> Double? {
        switch target {
        case .value(let number): return number
        case .final(let label):
            guard let method = plan.methods.first(where: { $0.label == label }) else { return nil }
            guard finalRuns(of: method).count == plan.seeds.count else { return nil }
            return finalValue(of: method).flatMap { $0.median.isFinite ? $0.median : nil }
        }
    }

    /// How soon a method reaches a value of the metric; nil where it has no final runs.
    public func arrival(of method: ComparisonMethod, at value: Double) -> Arrival? {
        let runs = finalRuns(of: method)
        let points = runs.map { $0.firstPoint(reaching: value, of: plan.metric) }
        func spread(_ number: (RunPoint) -> Double) -> Spread? {
            Spread(points.map { $0.map(number) ?? .infinity })
        }
        guard let steps = spread({ Double($0.step) }), let seconds = spread(\.seconds),
            let cpuSeconds = spread(\.cpuSeconds)
        else { return nil }
        return Arrival(
            reached: points.count { $0 != nil }, runs: runs.count, steps: steps, seconds: seconds,
            cpuSeconds: cpuSeconds)
    }

    /// How many times less a method needs to a value of the metric than the best of the others: the other's median by
    /// its own.
    ///
    /// - Returns: Nil where one of them is not known or infinite.
    public func advantage(
        of method: ComparisonMethod, at value: Double, _ measure: KeyPath<Arrival, Spread>
    ) -> Double? {
        let others = plan.methods.filter { $0 != method }.compactMap { arrival(of: $0, at: value) }
        guard let own = arrival(of: method, at: value), let best = others.map({ $0[keyPath: measure].median }).min()
        else {
            return nil
        }
        let ratio = best / own[keyPath: measure].median
        return ratio.isFinite && own[keyPath: measure].median.isFinite ? ratio : nil
    }

    /// The final value of the metric over the seeds, a run that failed counting as infinitely bad; nil where there is
    /// none.
    public func finalValue(of method: ComparisonMethod) -> Spread? {
        Spread(finalRuns(of: method).map { plan.metric.orWorst($0.finalValue(of: plan.metric)) })
    }

    /// The time of a step over the seeds, in seconds; nil where there are no steps.
    public func secondsPerStep(of method: ComparisonMethod) -> (wall: Spread, cpu: Spread)? {
        let times = finalRuns(of: method).map(\.secondsPerStep).filter { !$0.wall.isNaN }
        guard let wall = Spread(times.map(\.wall)), let cpu = Spread(times.map(\.cpu)) else { return nil }
        return (wall, cpu)
    }

    /// A metric at some step, over the seeds.
    public struct CurvePoint: Sendable, Hashable {
        /// The number of steps done.
        public var step: Int
        /// The time that they took: the median over the seeds that got there, in seconds.
        public var seconds: Double
        /// The metric; a run that failed before counts as infinitely bad.
        public var value: Spread
    }

    /// A metric along a method's final runs; empty where it was not measured.
    public func curve(of metric: ComparisonMetric, _ method: ComparisonMethod) -> [CurvePoint] {
        let runs = finalRuns(of: method)
        let steps = Set(runs.flatMap { $0.points.filter { !$0.isFailure }.map(\.step) }).sorted()
        return steps.compactMap { step in
            var values: [Double] = []
            var seconds: [Double] = []
            for run in runs {
                if let point = run.points.first(where: { $0.step == step && !$0.isFailure }) {
                    // Values that were not measured make no point: the training loss before the first step.
                    guard let value = metric.value(in: point) else { return nil }
                    values.append(metric.orWorst(value))
                    seconds.append(point.seconds)
                } else {
                    values.append(metric.orWorst(.nan))
                }
            }
            guard let value = Spread(values), let time = Spread(seconds) else { return nil }
            return CurvePoint(step: step, seconds: time.median, value: value)
        }
    }

    /// The metrics that were measured, in the order of ``ComparisonMetric``.
    public var measuredMetrics: [ComparisonMetric] {
        ComparisonMetric.allCases.filter { metric in
            records.contains { $0.points.contains { metric.value(in: $0) != nil && !$0.isFailure } }
        }
    }
}
