/// A function of a factor's damped matrix C + damping · I that the factor can be asked to keep.
public enum DerivedMatrix: Sendable, Hashable, CustomStringConvertible {
    /// The inverse.
    case inverse(damping: Double)
    /// A real power.
    case power(MatrixPower)
    /// The lower-triangular L with L Lᵀ = C + damping · I.
    case choleskyFactor(damping: Double)
    /// L⁻¹.
    case inverseCholeskyFactor(damping: Double)

    /// The number that is added to the diagonal first.
    public var damping: Double {
        switch self {
        case .inverse(let damping), .choleskyFactor(let damping), .inverseCholeskyFactor(let damping): damping
        case .power(let power): power.damping
        }
    }

    /// The kind of matrix and its damping.
    public var description: String {
        switch self {
        case .inverse(let damping): "inverse with damping \(damping)"
        case .power(let power): power.description
        case .choleskyFactor(let damping): "Cholesky factor with damping \(damping)"
        case .inverseCholeskyFactor(let damping): "inverse Cholesky factor with damping \(damping)"
        }
    }

    /// Whether this is the inverse, under either name.
    var isInverse: Bool {
        switch self {
        case .inverse: true
        case .power(let power): power.exponent == -1
        case .choleskyFactor, .inverseCholeskyFactor: false
        }
    }

    /// Whether only an eigendecomposition gives this.
    var needsEigendecomposition: Bool {
        if case .power(let power) = self { power.exponent != -1 } else { false }
    }

    /// The exponent of an inverse or a power.
    var exponent: Double {
        if case .power(let power) = self { power.exponent } else { -1 }
    }
}
