import Optimization

/// The rule of Levenberg and Marquardt: λ falls while the quadratic model predicts the loss well, and rises where it
/// does not (Martens & Grosse 2015, section 6.5).
///
/// Every few steps, the objective h is computed again on the same batch after the step s. With the ratio
/// ρ = (h(θ + s) − h(θ)) / q(s), λ is multiplied by ω = decay^interval if ρ > 3/4 and divided by it if ρ < 1/4. A loss
/// that fell although the model predicted a rise counts as a good ratio; a rise that was predicted, and a loss or model
/// that is not finite, count as bad ones.
///
/// The real curvature of an L2 term is no damping: the model has it besides, and λ can go below it.
public struct LevenbergMarquardt: Sendable, Hashable, Codable {
    /// The predictor of the loss for rules that solve no quadratic model.
    public enum Prediction: Sendable, Hashable, Codable {
        /// The block-diagonal approximation itself, of the step taken: cheap, and the original's choice.
        case approximate
        /// The exact quadratic model of the step taken, on a share of the batch.
        case exact(fraction: Double = 1)
    }

    /// λ at the first step.
    public var initial: Double
    /// The number T₁ of steps between adaptations; the first is after step T₁ − 1, counted from 0.
    public var interval: Int
    /// By how much λ falls for each step of the interval: ω = decay^interval.
    public var decay: Double
    /// The ratio below which λ rises.
    public var lowerThreshold: Double
    /// The ratio above which λ falls.
    public var upperThreshold: Double
    /// λ does not fall below.
    public var minimum: Double
    /// λ does not rise above.
    public var maximum: Double
    /// Whether ½ λ ‖s‖² counts in what the model predicts, as in the original's first version; it is no property of
    /// the objective.
    public var countsDamping: Bool
    /// The predictor of the loss for rules that solve no quadratic model.
    public var prediction: Prediction
    /// Whether a step after which the objective is greater or not finite is taken back.
    ///
    /// Parameters and velocities are then as before, and λ rises. Looked at every ``interval`` steps.
    public var rejectsBadSteps: Bool

    /// Creates a rule; the defaults are those of the 2015 paper but for the start, which depends on the problem.
    public init(
        initial: Double = 150, interval: Int = 5, decay: Double = 0.95, lowerThreshold: Double = 0.25,
        upperThreshold: Double = 0.75, minimum: Double = 1e-8, maximum: Double = .greatestFiniteMagnitude,
        countsDamping: Bool = false, prediction: Prediction = .approximate, rejectsBadSteps: Bool = false
    ) {
        self.initial = initial
        self.interval = interval
        self.decay = decay
        self.lowerThreshold = lowerThreshold
        self.upperThreshold = upperThreshold
        self.minimum = minimum
        self.maximum = maximum
        self.countsDamping = countsDamping
        self.prediction = prediction
        self.rejectsBadSteps = rejectsBadSteps
    }

    /// Whether λ is adapted after a step, counted from 0.
    func isDue(afterStep step: Int) -> Bool { (step + 1) % interval == 0 }

    /// The next λ.
    ///
    /// - Parameters:
    ///   - damping: The present λ.
    ///   - actualChange: h(θ + s) − h(θ), on one batch.
    ///   - predictedChange: q(s).
    public func adapted(_ damping: Double, actualChange: Double, predictedChange: Double) -> Double {
        require(by: "LevenbergMarquardt.adapted")
        let factor = decay.power(interval)
        let ratio = actualChange / predictedChange
        var next = damping
        if predictedChange >= 0 || !ratio.isFinite {
            next = actualChange < 0 ? damping * factor : damping / factor
        } else if ratio > upperThreshold {
            next = damping * factor
        } else if ratio < lowerThreshold {
            next = damping / factor
        }
        return min(max(next, minimum), maximum)
    }
}
