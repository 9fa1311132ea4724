import Foundation

/// How numbers lie along an axis.
struct ChartScale: Hashable {
    /// The numbers at both ends.
    let range: ClosedRange<Double>
    /// Whether equal distances are equal factors.
    let isLogarithmic: Bool

    /// A scale ends here, and its numbers are not closer to zero than the inverse: whatever is computed of them is
    /// finite.
    private static let bound = 1e150

    /// Creates a linear scale, widened where there is only one number, or what cannot be told apart.
    init(linear numbers: ClosedRange<Double>) {
        let (low, high) = (Self.bounded(numbers.lowerBound), Self.bounded(numbers.upperBound))
        let isPoint = high - low <= max(1 / Self.bound, 1e-12 * max(abs(low), abs(high)))
        let margin = isPoint ? max(1, abs(low)) * 0.5 : 0
        self.init(range: low - margin...high + margin, isLogarithmic: false)
    }

    private static func bounded(_ number: Double) -> Double { min(bound, max(-bound, number)) }

    /// Creates a scale that suits numbers: logarithmic where they are positive and lie far apart.
    init(fitting numbers: ClosedRange<Double>) {
        var (low, high) = (Self.bounded(numbers.lowerBound), Self.bounded(numbers.upperBound))
        if low > 0, high / low > 8 {
            low = max(low, 1 / Self.bound)
            high = max(high, 8 * low)
            let margin = pow(high / low, 0.04)
            self.init(range: low / margin...high * margin, isLogarithmic: true)
        } else {
            let margin = (high - low) * 0.04
            self.init(linear: low - margin...high + margin)
        }
    }

    private init(range: ClosedRange<Double>, isLogarithmic: Bool) {
        self.range = range
        self.isLogarithmic = isLogarithmic
    }

    /// Where a number lies: 0 at the beginning, 1 at the end.
    func place(_ number: Double) -> Double {
        if isLogarithmic {
            guard number > 0 else { return -.infinity }
            return log(number / range.lowerBound) / log(range.upperBound / range.lowerBound)
        }
        return (number - range.lowerBound) / (range.upperBound - range.lowerBound)
    }

    /// Round numbers to mark, about `count` of them.
    func ticks(about count: Int) -> [Double] {
        isLogarithmic ? logarithmicTicks(about: count) : linearTicks(about: count)
    }

    private func linearTicks(about count: Int) -> [Double] {
        let rough = (range.upperBound - range.lowerBound) / Double(count)
        let unit = pow(10, floor(log10(rough)))
        let step = [1, 2, 5, 10].map { $0 * unit }.first { $0 >= rough * 0.999 } ?? rough
        let first = Int((range.lowerBound / step).rounded(.up))
        let last = Int((range.upperBound / step).rounded(.down))
        return first > last ? [] : (first...last).map { Double($0) * step }
    }

    private func logarithmicTicks(about count: Int) -> [Double] {
        let decades = Int(floor(log10(range.lowerBound)))...Int(ceil(log10(range.upperBound)))
        func ticks(_ digits: [Double], every: Int) -> [Double] {
            decades.filter { $0.isMultiple(of: every) }.flatMap { decade in digits.map { $0 * pow(10, Double(decade)) }
            }
            .filter(range.contains)
        }
        for digits in [[1.0, 2, 3, 4, 5, 6, 7, 8, 9], [1, 2, 5], [1, 3], [1]] {
            let found = ticks(digits, every: 1)
            if found.count <= count + 2 { return found }
        }
        return ticks([1], every: (decades.count + count - 1) / count)
    }
}
