import Foundation

/// The number of examples of each step.
public enum BatchSize: Sendable, Hashable, Codable, ExpressibleByIntegerLiteral {
    /// The same number at every step.
    case constant(Int)
    /// Exponential growth from a number at the first step to all examples at the last of `steps` steps, and from then
    /// on.
    ///
    /// The step k, from 1, takes m₁ exp((k − 1) / b) examples, where b makes that the number of all examples at
    /// k = `steps` (Martens & Grosse 2015, section 13, where it is 500); from 1 to 1,000,000 are possible.
    case growing(from: Int, steps: Int)

    /// Creates a size that is the same number at every step.
    public init(integerLiteral value: Int) { self = .constant(value) }

    /// The number of examples of a step, counted from 0, if there are `count` examples; at most `count`.
    public func callAsFunction(_ step: Int, of count: Int) -> Int {
        guard isValid, step >= 0, count > 0 else {
            fatalError("BatchSize: step \(step) of \(self) out of \(count) examples")
        }
        switch self {
        case .constant(let size): return min(size, count)
        case .growing(let first, let steps):
            guard first < count, step < steps - 1 else { return count }
            let fraction = Double(step) / Double(steps - 1)
            return min(count, Int((Double(first) * pow(Double(count) / Double(first), fraction)).rounded()))
        }
    }

    /// Whether the number is the same at every step.
    public var isConstant: Bool { if case .constant = self { true } else { false } }

    /// The numbers of steps that growth may take: the batches of growing epochs are counted one by one.
    package static let growthSteps = 1...1_000_000

    /// Whether all numbers are positive, and growth comes to an end.
    var isValid: Bool {
        switch self {
        case .constant(let size): size > 0
        case .growing(let first, let steps): first > 0 && Self.growthSteps.contains(steps)
        }
    }
}
