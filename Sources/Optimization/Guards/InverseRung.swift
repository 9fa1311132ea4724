import Curvature

/// The replacement of an inverse that failed: the rungs of a ladder, from the best to the last.
public enum InverseRung: Sendable, Hashable, Codable {
    /// The inverse with this many times the damping.
    case moreDamping(factor: Double)
    /// The inverse, computed in double precision.
    case doublePrecision
    /// The inverse of the diagonal, or of the factors' diagonals.
    case diagonal
    /// The last inverse that could be computed.
    case lastGood
    /// A multiple of the identity: 1 / (damping + mean of the diagonal).
    case identity
}

extension InverseRung: CustomStringConvertible {
    /// A clause of its own.
    public var description: String {
        switch self {
        case .moreDamping(let factor): "it has \(Int(factor)) times the damping"
        case .doublePrecision: "it is computed in double precision"
        case .diagonal: "its diagonal takes its place"
        case .lastGood: "the last good one stays"
        case .identity: "a multiple of the identity takes its place"
        }
    }
}
