/// Bounds of a block's spectrum, known before it is inverted.
public struct BlockExamination: Sendable {
    /// Whether a trace is negative or not finite, which that of an average of squares cannot be.
    public var isBroken: Bool
    /// Whether there is no curvature: a trace is zero.
    public var isDead: Bool
    /// The least damping that the rounding of the factors allows, in units of the mean loss's curvature.
    public var leastDamping: Double
    /// A bound of how far the damped curvature is from a multiple of the identity: the greatest by the least
    /// eigenvalue, less 1.
    public var anisotropy: Double
    /// The same for the mean eigenvalues: not above the true one.
    public var meanAnisotropy: Double

    /// Creates the result of an examination.
    public init(
        isBroken: Bool = false, isDead: Bool = false, leastDamping: Double = 0, anisotropy: Double = .infinity,
        meanAnisotropy: Double = .infinity
    ) {
        self.isBroken = isBroken
        self.isDead = isDead
        self.leastDamping = leastDamping
        self.anisotropy = anisotropy
        self.meanAnisotropy = meanAnisotropy
    }
}
