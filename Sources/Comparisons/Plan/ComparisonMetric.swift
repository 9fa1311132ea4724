/// The number by which the best setting is chosen and targets are reached.
public enum ComparisonMetric: String, Sendable, Hashable, Codable, CaseIterable {
    /// The mean of the losses of the steps since the last record, each measured before its step.
    case trainingLoss = "training-loss"
    /// The mean loss over the test examples.
    case testLoss = "test-loss"
    /// The problem's own measure of how far predictions are from the truth, on the test examples.
    case testError = "test-error"
    /// The share of the test examples whose class is predicted, from 0 to 1.
    case testAccuracy = "test-accuracy"

    /// Whether higher numbers are the better ones.
    public var isHigherBetter: Bool { self == .testAccuracy }

    /// The name in words: "test loss".
    public var title: String { rawValue.replacing("-", with: " ") }

    /// Whether the first number is better than the second; a number is better than NaN.
    func isBetter(_ first: Double, than second: Double) -> Bool {
        if first.isNaN || second.isNaN { return !first.isNaN }
        return isHigherBetter ? first > second : first < second
    }

    /// The number itself, or the worst there is in place of NaN.
    func orWorst(_ number: Double) -> Double {
        number.isNaN ? (isHigherBetter ? -.infinity : .infinity) : number
    }

    /// Whether a number is at the target or beyond.
    func reaches(_ target: Double, _ value: Double) -> Bool {
        isHigherBetter ? value >= target : value <= target
    }

    /// The number in a record; nil where it was not measured.
    func value(in point: RunPoint) -> Double? {
        switch self {
        case .trainingLoss: point.loss
        case .testLoss: point.testLoss
        case .testError: point.testError
        case .testAccuracy: point.testAccuracy
        }
    }
}
