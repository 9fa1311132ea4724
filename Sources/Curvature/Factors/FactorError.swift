public import Torch

/// Why a factor could not give what it was asked for.
public enum FactorError: DescribedError {
    /// A matrix was asked for that was never registered.
    case notRegistered(DerivedMatrix, registered: [DerivedMatrix])
    /// The matrices of a time series' closed form (option 1 or 2) were asked for that were never registered.
    case timeSeriesNotRegistered(option: Int, damping: Double, registered: [Double])
    /// The numbers failed: the damped matrix is not positive-definite, or an eigendecomposition did not converge.
    case linearAlgebra(factor: String, LinearAlgebraError)

    /// One sentence: what was wrong and what to do.
    public var description: String {
        switch self {
        case .notRegistered(let matrix, let registered):
            "no \(matrix) is registered, only \(registered): register it, then update the inverses"
        case .timeSeriesNotRegistered(let option, let damping, let registered):
            "no option \(option) with damping \(damping) is registered, only \(registered): register it, then update "
                + "the inverses"
        case .linearAlgebra(let factor, let error):
            "\(factor) could not be inverted (raise the damping): \(error)"
        }
    }
}
