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

/// Where a run stands at some step.
public struct RunPoint: Sendable, Hashable {
    /// The number of steps done.
    public var step: Int
    /// The number of examples they learned from, each counted as often as it was used.
    public var examples: Int
    /// The time that the steps took, tests of the model not counted, in seconds.
    public var seconds: Double
    /// The time that processors worked for them, all threads of the process together, in seconds.
    public var cpuSeconds: Double
    /// The mean of the losses of the steps since the point before, each measured before its step; nil before the first.
    ///
    /// It is not finite in the last point of a run that failed.
    public var loss: Double?
    /// The mean loss over the test examples; nil where a run failed.
    public var testLoss: Double?
    /// The problem's own measure of how far predictions are from the truth.
    public var testError: Double?
    /// The share of the test examples whose class is predicted.
    public var testAccuracy: Double?

    /// Creates a point.
    public init(
        step: Int, examples: Int, seconds: Double, cpuSeconds: Double, loss: Double? = nil, testLoss: Double? = nil,
        testError: Double? = nil, testAccuracy: Double? = nil
    ) {
        self.step = step
        self.examples = examples
        self.seconds = seconds
        self.cpuSeconds = cpuSeconds
        self.loss = loss
        self.testLoss = testLoss
        self.testError = testError
        self.testAccuracy = testAccuracy
    }

    /// Whether this is where a run failed: its loss or its curvature was of no use.
    var isFailure: Bool { testLoss == nil }
}
