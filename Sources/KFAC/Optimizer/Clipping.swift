import Optimization

/// How a step is kept from being too long.
///
/// Applies to the rules of fixed learning rates: a quadratic model finds the length itself.
public enum Clipping: Sendable, Hashable, Codable {
    /// Steps are taken as they are.
    case none
    /// The direction P g is shortened so that α² gᵀ P g, the squared length of the step in the metric of the damped
    /// curvature, is at most κ (Ba, Grosse & Martens 2017, section 5); in units of the loss, like the damping.
    ///
    /// Where momentum comes before preconditioning, the velocity takes the place of g, as in the original.
    case norm(Double)
    /// The direction is multiplied by min(1, √(κ / (α² Σ |gᵀ P g|))), the sum being over layers: the `kl_clip` of other
    /// packages (Osawa et al. 2019), which differs from ``norm(_:)`` only where curvature is not positive.
    case klClip(Double)
    /// Each entry of the direction is kept within ± a number.
    case value(Double)
}

extension Clipping: CheckedSettings {
    package var defect: String? {
        switch self {
        case .none: nil
        case .norm(let bound), .klClip(let bound):
            SettingBounds.clipping.defect("the bound of the clipping", bound)
        case .value(let bound): SettingBounds.clippedValue.defect("the bound of the clipping", bound)
        }
    }
}
