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
