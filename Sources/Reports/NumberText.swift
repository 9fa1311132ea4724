import Foundation

/// Numbers as people read them.
package enum NumberText {
    /// A number with four significant digits at most; a dash for what is not finite.
    package static func short(_ number: Double) -> String {
        guard number.isFinite else { return "–" }
        if number == number.rounded(), abs(number) < 1e6 { return String(format: "%.0f", number) }
        return String(format: "%.4g", number)
    }

    /// A number with at most one decimal, as it suits counts of steps.
    package static func count(_ number: Double) -> String {
        guard number.isFinite else { return "–" }
        return number == number.rounded() ? String(format: "%.0f", number) : String(format: "%.1f", number)
    }

    /// A median and, where there are several numbers, the range.
    package static func spread(_ spread: Spread?, _ format: (Double) -> String = short) -> String {
        guard let spread else { return "" }
        guard spread.low != spread.high else { return format(spread.median) }
        return "\(format(spread.median)) (\(format(spread.low)) to \(format(spread.high)))"
    }

    /// A factor: "2.5 ×".
    package static func factor(_ number: Double?) -> String {
        number.map { "\(String(format: $0 < 10 ? "%.2f" : "%.1f", $0)) ×" } ?? ""
    }
}
