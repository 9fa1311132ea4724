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
    public init(from decoder: any Decoder) throws { self = try Self.decoded(from: decoder) }

    /// Writes the ``description``.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

/// Points spread evenly over a unit cube: those of Hammersley (1960), each in the middle of its cell.
///
/// The first coordinates are an even grid; those of dimension j > 0 are the radical inverses of the point's number to
/// the base of the j-th prime. The points depend on their number only: methods with equally many options to search are
/// tried at the same places of their ranges.
enum SearchPoints {
    /// The coordinate of a point in a dimension, between 0 and 1.
    ///
    /// - Parameters:
    ///   - index: The point, from 0.
    ///   - count: The number of points, positive.
    ///   - dimension: The dimension, from 0, less than 9.
    static func coordinate(of index: Int, outOf count: Int, dimension: Int) -> Double {
        guard dimension > 0 else { return (Double(index) + 0.5) / Double(count) }
        let base = primes[dimension - 1]
        var inverse = 0.0
        var cell = 1.0
        var rest = index
        var reach = 1
        while reach < count {
            cell /= Double(base)
            inverse += cell * Double(rest % base)
            rest /= base
            reach *= base
        }
        return inverse + cell / 2
    }

    /// The most dimensions that there are points for.
    static let dimensions = primes.count + 1

    private static let primes = [2, 3, 5, 7, 11, 13, 17, 19]
}
