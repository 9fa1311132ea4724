import Curvature
import Foundation

/// A number that depends on the step: a learning rate, a damping.
public enum Schedule: Sendable, Hashable, Codable, ExpressibleByFloatLiteral, ExpressibleByIntegerLiteral {
    /// The same number at every step.
    case constant(Double)
    /// Along a straight line from one number to another, which then stays.
    case linear(from: Double, to: Double, steps: Int)
    /// Along half a cosine wave from one number to another, which then stays.
    case cosine(from: Double, to: Double, steps: Int)
    /// Along to + (from − to) (1 − step / steps)ᵖ with the power p, then `to`.
    case polynomial(from: Double, to: Double, power: Double, steps: Int)
    /// Multiplied by a factor at every step.
    case exponential(from: Double, factor: Double)
    /// Divided by √(1 + step / steps): by √2 after `steps`, by 2 after three times as many.
    ///
    /// After a warm-up of as many steps, it falls with the root of all steps, as in Vaswani et al. 2017, section 5.3.
    case inverseSquareRoot(from: Double, steps: Int)
    /// One number, then others from given steps on, in the order of the steps.
    case piecewise(from: Double, changes: [Change])
    /// A straight line from zero over the first steps, then another schedule, which starts from its own step 0.
    indirect case warmUp(steps: Int, Schedule)

    /// A number and the step from which on it holds.
    public struct Change: Sendable, Hashable, Codable {
        /// The first step with the number.
        public var step: Int
        /// The number.
        public var value: Double

        /// Makes a change.
        public init(at step: Int, to value: Double) {
            self.step = step
            self.value = value
        }
    }

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
        case .polynomial(let from, let to, let power, let steps):
            to + (from - to) * pow(1 - fraction(step, steps), power)
        case .exponential(let from, let factor): from * pow(factor, Double(step))
        case .inverseSquareRoot(let from, let steps): from / (1 + Double(step) / Double(max(1, steps))).squareRoot()
        case .piecewise(let from, let changes): changes.last { $0.step <= step }?.value ?? from
        case .warmUp(let steps, let rest):
            step < steps
                ? rest(0) * (Double(step) + 1) / (Double(steps) + 1) : rest(steps < 0 ? step : step - steps)
        }
    }

    private func fraction(_ step: Int, _ steps: Int) -> Double {
        min(1, Double(step) / Double(max(1, steps)))
    }
}
