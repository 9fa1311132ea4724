/// How numbers are spread: what several seeds gave.
public struct Spread: Sendable, Hashable {
    /// The middle one; the mean of the two in the middle where their count is even.
    public var median: Double
    /// The least.
    public var low: Double
    /// The greatest.
    public var high: Double

    /// Describes numbers, infinite ones included; nil where there are none or one is NaN.
    public init?(_ numbers: [Double]) {
        guard !numbers.isEmpty, !numbers.contains(where: \.isNaN) else { return nil }
        let sorted = numbers.sorted()
        let middle = sorted.count / 2
        // Two equal infinities have no mean by themselves.
        if sorted.count.isMultiple(of: 2), sorted[middle - 1] != sorted[middle] {
            median = sorted[middle - 1] / 2 + sorted[middle] / 2
        } else {
            median = sorted[middle]
        }
        low = sorted[0]
        high = sorted[sorted.count - 1]
    }
}
