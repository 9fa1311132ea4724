import Foundation

/// How a block with a Kronecker product of two factors takes its damping.
public enum DampingSplit: String, Sendable, Hashable, Codable {
    /// (A + π√λ I) ⊗ (G + √λ/π I), π by the factors' traces: factored Tikhonov regularisation (Martens & Grosse 2015,
    /// section 6.3). Needs two Cholesky inverses.
    case traceRatio
    /// (A + √λ I) ⊗ (G + √λ I).
    case even
    /// A ⊗ G + λ I itself, in the factors' eigenbases (the same, section 4.2 and appendix B): no cross terms, at an
    /// eigendecomposition of each factor and four instead of two products for each gradient. Grouped convolutions within
    /// ``FactorSettings/dimensionLimit`` take it at the cost of dense products, ``Approximation/uncorrelatedPixels`` at that
    /// of a dense input factor; blocks of time series are damped by ``traceRatio``.
    case exact
}

/// How the damping of a Kronecker product is shared between its two factors.
///
/// (A + d_A I) ⊗ (G + d_G I) with d_A d_G = λ: factored Tikhonov regularisation (Martens & Grosse 2015, section 6.3).
/// With d_A / d_G = π², π² = (tr A / dim A) / (tr G / dim G), the cross terms are balanced in the trace norm.
struct FactoredDamping {
    /// Added to the input factor's diagonal.
    let input: Double
    /// Added to the output factor's diagonal.
    let output: Double

    /// Shares `damping` by the ratio of the factors' mean diagonals; evenly where one of them is zero.
    init(damping: Double, split: DampingSplit = .traceRatio, inputMeanDiagonal: Double, outputMeanDiagonal: Double) {
        let ratio = inputMeanDiagonal / outputMeanDiagonal
        let pi = split != .even && ratio > 0 && ratio.isFinite ? ratio.squareRoot() : 1
        input = damping.squareRoot() * pi
        output = damping.squareRoot() / pi
    }
}
