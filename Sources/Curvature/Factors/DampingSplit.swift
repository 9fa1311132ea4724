/// How a block with a Kronecker product of two factors takes its damping.
public enum DampingSplit: String, Sendable, Hashable, Codable {
    /// (A + π√λ I) ⊗ (G + √λ/π I), π by the factors' traces: factored Tikhonov regularisation (Martens & Grosse 2015,
    /// section 6.3). Needs two Cholesky inverses.
    case traceRatio
    /// (A + √λ I) ⊗ (G + √λ I).
    case even
    /// A ⊗ G + λ I itself, in the factors' eigenbases (the same, section 4.2 and appendix B): no cross terms, at an
    /// eigendecomposition of each factor and four instead of two products for each gradient. Grouped convolutions
    /// within ``FactorSettings/dimensionLimit`` take it at the cost of dense products,
    /// ``Approximation/uncorrelatedPixels`` at that of a dense input factor; blocks of time series are damped by
    /// ``traceRatio``.
    case exact
}
