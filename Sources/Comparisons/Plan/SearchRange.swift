import Foundation

/// Among which values tuning looks for an option's best.
public enum SearchRange: Sendable, Hashable {
    /// Numbers between two positive ones, each factor as likely as any other.
    case logUniform(from: Double, to: Double)
    /// Some values, in this order; a single one is fixed.
    case values([String])

    /// Whether there is nothing to look for.
    public var isFixed: Bool {
        switch self {
        case .logUniform(let from, let to): from == to
        case .values(let values): values.count == 1
        }
    }

    /// The value at a place in the range, which 0 begins and 1 ends.
    ///
    /// Numbers are rounded to three digits, so that what a report shows is what was used.
    func value(at place: Double) -> String {
        switch self {
        case .logUniform(let from, let to):
            let number = from * pow(to / from, place)
            return "\(Double(String(format: "%.3g", number)) ?? number)"
        case .values(let values): return values[min(values.count - 1, Int(place * Double(values.count)))]
        }
    }
}

extension SearchRange: LosslessStringConvertible {
    /// Reads `low:high`, positive numbers, or `value,value,…`; nil for what is neither.
    public init?(_ description: String) {
        let ends = description.split(separator: ":", omittingEmptySubsequences: false)
        if ends.count == 2, let from = Double(ends[0]), let to = Double(ends[1]) {
            // Places are powers of the factor between the ends.
            guard from > 0, to >= from, to.isFinite, (to / from).isFinite else { return nil }
            self = .logUniform(from: from, to: to)
            return
        }
        let values = description.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
        guard ends.count == 1, !values.contains("") else { return nil }
        self = .values(values)
    }

    /// The text that ``init(_:)`` reads.
    public var description: String {
        switch self {
        case .logUniform(let from, let to): "\(from):\(to)"
        case .values(let values): values.joined(separator: ",")
        }
    }
}

extension SearchRange: Codable {
    /// Reads a text in the form of ``description``.
    public init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let range = SearchRange(text) else {
            throw DecodingError.dataCorruptedError(in: container, debugDescription: "\(text) is no range")
        }
        self = range
    }

    /// Writes the ``description``.
    public func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(description)
    }
}
