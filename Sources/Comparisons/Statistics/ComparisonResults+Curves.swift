public import Reports

extension ComparisonResults {
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
