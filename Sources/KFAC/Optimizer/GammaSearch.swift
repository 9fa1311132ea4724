import Optimization

/// How the damping of the preconditioner is searched for.
///
/// A search costs the inverses and the quadratic model three times. It starts from γ = √(λ + η) of the first step.
public struct GammaSearch: Sendable, Hashable, Codable {
    /// The number T₂ of steps between searches.
    public var interval: Int
    /// γ is tried at √decay^interval times its value, and at its inverse.
    public var decay: Double
    /// The bounds of γ².
    public var bounds: ClosedRange<Double>

    /// Creates a search; the defaults are those of the paper.
    public init(interval: Int = 20, decay: Double = 0.95, bounds: ClosedRange<Double> = 1e-8...1e8) {
        self.interval = interval
        self.decay = decay
        self.bounds = bounds
    }

    /// The dampings γ² to try, the present one first.
    func candidates(around damping: Double) -> [Double] {
        let factor = decay.power(interval)
        return [damping, damping * factor, damping / factor].map {
            min(max($0, bounds.lowerBound), bounds.upperBound)
        }
    }
}
