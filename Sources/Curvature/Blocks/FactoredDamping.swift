import Foundation

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
