/// Why a batch's statistics of a layer are of no use.
public enum StatisticsDefect: String, Sendable, Hashable, Codable, CustomStringConvertible {
    /// An element is infinite or NaN, or too large to be squared.
    case notFinite
    /// They are of another scale than the batches before: ``Guards/plausibleChange``.
    case implausible

    /// The fault, as a clause after "they".
    public var description: String {
        switch self {
        case .notFinite: "are not finite or too large to be squared"
        case .implausible: "are of another scale than all before"
        }
    }
}
