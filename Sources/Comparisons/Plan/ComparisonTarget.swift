/// A value of the metric that the methods are to reach, fixed before anything runs.
public enum ComparisonTarget: Sendable, Hashable {
    /// This number.
    case value(Double)
    /// The median, over the seeds, of the final values of a method's runs, by the method's label.
    case final(of: String)
}

extension ComparisonTarget: LosslessStringConvertible {
    /// Reads a finite number or `best:LABEL`; nil for what is neither.
    public init?(_ description: String) {
        if description.hasPrefix("best:") {
            let label = String(description.dropFirst("best:".count))
            guard ComparisonMethod.isValid(label: label) else { return nil }
            self = .final(of: label)
        } else {
            guard let number = Double(description), number.isFinite else { return nil }
            self = .value(number)
        }
    }

    /// The text that ``init(_:)`` reads.
    public var description: String {
        switch self {
        case .value(let number): "\(number)"
        case .final(let label): "best:\(label)"
        }
    }
}

extension ComparisonTarget: Codable {
    /// Reads a text in the form of ``description``.
    public init(from decoder: any Decoder) throws { self = try Self.decoded(from: decoder) }

    /// Writes the ``description``.
    public func encode(to encoder: any Encoder) throws { try description.encode(to: encoder) }
}

extension LosslessStringConvertible {
    /// The value whose text was stored.
    static func decoded(from decoder: any Decoder) throws -> Self {
        let text = try String(from: decoder)
        if let value = Self(text) { return value }
        throw DecodingError.dataCorrupted(.init(codingPath: decoder.codingPath, debugDescription: "'\(text)' is none"))
    }
}
