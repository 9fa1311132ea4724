/// A power of a damped matrix: (C + damping · I)^exponent.
public struct MatrixPower: Sendable, Hashable, CustomStringConvertible {
    /// The exponent, any real number.
    public let exponent: Double
    /// The number that is added to the diagonal first.
    public let damping: Double

    /// Creates the description of a power.
    public init(exponent: Double, damping: Double) {
        self.exponent = exponent
        self.damping = damping
    }

    /// The kind of matrix and its damping.
    public var description: String { "power \(exponent) with damping \(damping)" }
}
