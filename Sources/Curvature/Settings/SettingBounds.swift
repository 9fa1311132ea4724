/// The numbers that a setting may have.
///
/// Infinite numbers and NaN never belong to them.
package struct SettingBounds: Sendable, Hashable {
    private let lower: Double
    private let upper: Double
    /// Whether the bounds are allowed themselves.
    private let allowsLower: Bool
    private let allowsUpper: Bool
    private let isWhole: Bool

    private init(_ lower: (Double, Bool), _ upper: (Double, Bool), isWhole: Bool = false) {
        (self.lower, allowsLower) = lower
        (self.upper, allowsUpper) = upper
        self.isWhole = isWhole
    }

    /// Positive numbers, up to a greatest one.
    package static func positive(upTo greatest: Double = .greatestFiniteMagnitude) -> SettingBounds {
        SettingBounds((0, false), (greatest, true))
    }

    /// Numbers from a least to a greatest one.
    package static func from(_ least: Double, to greatest: Double = .greatestFiniteMagnitude) -> SettingBounds {
        SettingBounds((least, true), (greatest, true))
    }

    /// Numbers from a least one to below another.
    package static func from(_ least: Double, below bound: Double) -> SettingBounds {
        SettingBounds((least, true), (bound, false))
    }

    /// Numbers between two others.
    package static func above(_ lower: Double, below upper: Double = .infinity) -> SettingBounds {
        SettingBounds((lower, false), (upper, false))
    }

    /// Whole numbers.
    package static func whole(_ range: ClosedRange<Int>) -> SettingBounds {
        SettingBounds((Double(range.lowerBound), true), (Double(range.upperBound), true), isWhole: true)
    }

    /// The same numbers without the least one.
    package var withoutLowerBound: SettingBounds {
        SettingBounds((lower, false), (upper, allowsUpper), isWhole: isWhole)
    }

    /// Whether a number is allowed.
    package func contains(_ number: Double) -> Bool {
        guard number.isFinite, !isWhole || number == number.rounded() else { return false }
        return (allowsLower ? number >= lower : number > lower) && (allowsUpper ? number <= upper : number < upper)
    }

    /// Whether a whole number is allowed.
    package func contains(_ number: Int) -> Bool { contains(Double(number)) }
}

extension SettingBounds: CustomStringConvertible {
    /// The condition on the numbers: "positive and finite", "a whole number from 1 to 1000000".
    package var description: String {
        func text(_ number: Double) -> String {
            Int(exactly: number).map { "\($0)" } ?? "\(number)"
        }
        if isWhole { return "a whole number from \(text(lower)) to \(text(upper))" }
        let low = lower == 0 && !allowsLower ? "positive" : "\(allowsLower ? "at least" : "above") \(text(lower))"
        guard upper < .greatestFiniteMagnitude else {
            return lower > -.greatestFiniteMagnitude ? "\(low) and finite" : "finite"
        }
        return "\(low) and \(allowsUpper ? "at most" : "below") \(text(upper))"
    }
}

// MARK: - Defects

extension SettingBounds {
    /// Why a setting cannot be a number, in one sentence without its full stop; nil if it can.
    package func defect(_ setting: String, _ number: Double) -> String? {
        contains(number) ? nil : "\(setting) must be \(self); \(number) was given"
    }

    /// Why a setting cannot be a whole number; nil if it can.
    package func defect(_ setting: String, _ number: Int) -> String? {
        contains(number) ? nil : "\(setting) must be \(self); \(number) was given"
    }
}

/// Settings that can be out of bounds.
package protocol CheckedSettings {
    /// Why nothing can follow them, in one sentence without its full stop: which setting, its value, what is allowed.
    ///
    /// nil if they can be followed.
    var defect: String? { get }
}

extension CheckedSettings {
    /// Stops the program if these cannot be followed.
    package func require(by owner: String) {
        if let defect { fatalError("\(owner): \(defect)") }
    }
}

extension [String?] {
    /// The first defect of several settings; nil if there is none.
    package var firstDefect: String? { lazy.compactMap(\.self).first }
}
