public import Torch

/// Why a factor could not give what it was asked for.
public enum FactorError: Error, CustomStringConvertible {
    /// A damped inverse was asked for that was never registered.
    case inverseNotRegistered(damping: Double, registered: [Double])
    /// A damped power was asked for that was never registered.
    case powerNotRegistered(MatrixPower, registered: [MatrixPower])
    /// The numbers failed: the damped matrix is not positive-definite, or an eigendecomposition did not converge.
    case linearAlgebra(factor: String, LinearAlgebraError)

    public var description: String {
        switch self {
        case .inverseNotRegistered(let damping, let registered):
            "no inverse with damping \(damping) is registered, only \(registered): register it, then update the inverses"
        case .powerNotRegistered(let power, let registered):
            "no \(power) is registered, only \(registered): register it, then update the inverses"
        case .linearAlgebra(let factor, let error):
            "\(factor) could not be inverted (raise the damping): \(error)"
        }
    }
}

/// A power of a damped matrix: (C + damping · I)^exponent.
public struct MatrixPower: Sendable, Hashable, CustomStringConvertible {
    /// The exponent, any real number.
    public let exponent: Double
    /// What is added to the diagonal first.
    public let damping: Double

    /// Creates the description of a power.
    public init(exponent: Double, damping: Double) {
        self.exponent = exponent
        self.damping = damping
    }

    public var description: String { "power \(exponent) with damping \(damping)" }
}
