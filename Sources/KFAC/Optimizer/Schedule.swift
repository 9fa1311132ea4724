import Foundation

/// A number that depends on the step: a learning rate, a damping.
public enum Schedule: Sendable, Hashable, Codable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// The same number at every step.
    case constant(Double)
    /// Along a straight line from one number to another, which then stays.
    case linear(from: Double, to: Double, steps: Int)
    /// Along half a cosine wave from one number to another, which then stays.
    case cosine(from: Double, to: Double, steps: Int)
    /// Multiplied by a factor at every step.
    case exponential(from: Double, factor: Double)
    /// A straight line from zero over the first steps, then another schedule, which starts from its own step 0.
    indirect case warmUp(steps: Int, Schedule)

    /// Creates a schedule that is the same number at every step.
    public init(floatLiteral value: Double) { self = .constant(value) }

    /// Creates a schedule that is the same number at every step.
    public init(integerLiteral value: Int) { self = .constant(Double(value)) }

    /// The number for a step, counted from 0.
    public func callAsFunction(_ step: Int) -> Double {
        switch self {
        case .constant(let value): value
        case .linear(let from, let to, let steps): from + (to - from) * fraction(step, steps)
        case .cosine(let from, let to, let steps):
            to + (from - to) * (1 + cos(.pi * fraction(step, steps))) / 2
        case .exponential(let from, let factor): from * pow(factor, Double(step))
        case .warmUp(let steps, let rest):
            step < steps ? rest(0) * Double(step + 1) / Double(steps + 1) : rest(step - steps)
        }
    }

    private func fraction(_ step: Int, _ steps: Int) -> Double {
        min(1, Double(step) / Double(max(1, steps)))
    }
}
