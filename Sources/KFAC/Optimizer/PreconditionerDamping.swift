public import Optimization

/// The damping of the curvature that preconditions, where that is not λ itself.
public enum PreconditionerDamping: Sendable, Hashable, Codable {
    /// (λ + η) times a number, η being the weight of the L2 term; 1 by default.
    case proportional(Double = 1)
    /// By the step alone, whatever λ does.
    case scheduled(Schedule)
    /// A multiple of the mean eigenvalue of each block's own curvature, whatever λ does; of a block whose curvature is
    /// zero, λ.
    ///
    /// One number for all layers is a different method in each of them, as their curvatures differ by orders of
    /// magnitude.
    case relative(Schedule)
    /// γ², for the γ whose preconditioned gradient gives the least value of the quadratic model: every few steps, γ, γ
    /// times and γ divided by √decay^interval are tried (Martens & Grosse 2015, section 6.6).
    case adaptive(GammaSearch = GammaSearch())
}
