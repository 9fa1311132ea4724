/// The result of a run.
public struct RunRecord: Sendable, Hashable {
    /// The run.
    public var run: ComparisonRun
    /// Where it stood: before the first step, at each test of the model, and, last, after the last step or at the step
    /// that failed.
    public var points: [RunPoint]

    /// Creates a record.
    public init(run: ComparisonRun, points: [RunPoint]) {
        self.run = run
        self.points = points
    }

    /// The number of the step that failed, from 1; nil where all were done.
    public var failedStep: Int? { points.last.flatMap { $0.isFailure ? $0.step : nil } }

    /// The last value of a metric; NaN where a step failed.
    public func finalValue(of metric: ComparisonMetric) -> Double {
        guard failedStep == nil else { return .nan }
        return points.last.flatMap(metric.value) ?? .nan
    }

    /// The first point at which a metric is at a target or beyond; nil where there is none.
    public func firstPoint(reaching target: Double, of metric: ComparisonMetric) -> RunPoint? {
        points.first { point in metric.value(in: point).map { metric.reaches(target, $0) } ?? false }
    }

    /// The time of a step, in seconds, and the processors' time.
    var secondsPerStep: (wall: Double, cpu: Double) {
        guard let last = points.last, last.step > 0 else { return (.nan, .nan) }
        return (last.seconds / Double(last.step), last.cpuSeconds / Double(last.step))
    }
}
