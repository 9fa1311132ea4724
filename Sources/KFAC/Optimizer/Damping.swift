public import Optimization

/// How the damping λ changes over the steps: in units of the mean loss's curvature, to which λ I is added.
public enum Damping: Sendable, Hashable, Codable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// By the step alone.
    case scheduled(Schedule)
    /// By how well the quadratic model predicts the loss.
    case adaptive(LevenbergMarquardt)

    /// The same number at every step.
    public static func constant(_ value: Double) -> Damping { .scheduled(.constant(value)) }

    /// Creates a damping that is the same number at every step.
    public init(floatLiteral value: Double) { self = .constant(value) }

    /// Creates a damping that is the same number at every step.
    public init(integerLiteral value: Int) { self = .constant(Double(value)) }

    /// λ at the first step.
    public var initial: Double {
        switch self {
        case .scheduled(let schedule): schedule(0)
        case .adaptive(let rule): rule.initial
        }
    }
}

extension Double {
    /// The number's integer power.
    func power(_ exponent: Int) -> Double { (0..<exponent).reduce(1) { power, _ in power * self } }
}
