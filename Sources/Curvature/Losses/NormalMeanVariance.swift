import Foundation
public import Torch

/// Real numbers with independent Gaussian errors, of which the network predicts both the mean μ and the variance v.
///
/// With respect to (μ, v) of one output,
///
/// - F = diag(1/v, 1/(2v²)), with the factor B = diag(1/√v, 1/(√2 v));
/// - H = [1/v, r/v²; r/v², r²/v³ − 1/(2v²)], r = t − μ the error. Its expectation is F.
///
/// The parameters are not natural, and the determinant of H is −1/(2v³) whatever the target: H is always indefinite
/// and has no factor, so that ``PredictiveDistribution/hessianRank`` is nil and the Gauss–Newton matrix is of use in
/// products only. Prefer the Fisher matrix.
///
/// Vectors for the factor are the coordinates of the means followed by those of the variances, [batch, 2 · outputs].
public struct NormalMeanVariance: PredictiveDistribution {
    /// The predicted means, [batch, ...].
    public let mean: Tensor
    /// The predicted variances, in the shape of the means; the network must make them positive.
    public let variance: Tensor

    /// Creates the distribution from means and variances of one shape, [batch, ...].
    public init(mean: Tensor, variance: Tensor) {
        guard mean.shape == variance.shape else {
            fatalError("NormalMeanVariance: variances of shape \(variance.shape) for means of shape \(mean.shape)")
        }
        self.mean = mean.inFullPrecision
        self.variance = variance.inFullPrecision
    }

    /// The means and the variances.
    public var parameters: [Tensor] { [mean, variance] }

    /// False: the Hessian of −log p depends on the targets.
    public var hasNaturalParameters: Bool { false }

    /// −log p of each example, [batch]; the constant ½ log(2π) per output included.
    ///
    /// - Parameter targets: The shape of the means.
    public func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        negativeLogLikelihoodPerPosition(of: targets).sumPerExample()
    }

    /// −log p of each output, in the shape of the means.
    public func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
        if let fault = shapeFault(of: targets) { fatalError("\(fault)") }
        let error = targets.to(mean.dtype) - mean
        return (error.squared() / variance + variance.log() + Foundation.log(2 * .pi)) * 0.5
    }

    /// Targets of another shape, and those that are NaN.
    public func fault(in targets: Tensor) -> DataFault? {
        shapeFault(of: targets)
            ?? .outside(
                -.infinity ... .infinity, in: targets, place: "NormalMeanVariance", "the target", "is not a number")
    }

    private func shapeFault(of targets: Tensor) -> DataFault? {
        guard targets.shape != mean.shape else { return nil }
        return DataFault(
            place: "NormalMeanVariance", reason: "targets of shape \(targets.shape) for means of shape \(mean.shape)")
    }

    /// Draws numbers in the shape and type of the means.
    public func sample(using generator: inout RandomGenerator) -> Tensor {
        mean.detached() + generator.normal(mean.shape, dtype: mean.dtype) * constantVariance.squareRoot()
    }

    /// Twice the number of outputs of an example.
    public var fisherRank: Int { 2 * outputCount }

    /// F v = (v₁ / variance, v₂ / (2 variance²)), elementwise in the shape of the parameters.
    public func fisherProduct(_ vectors: [Tensor]) -> [Tensor] {
        let v = constantVariance
        return [vectors[0] / v, vectors[1] / v.squared() * 0.5]
    }

    /// B u = (u₁ / √variance, u₂ / (√2 variance)), for u [batch, fisherRank].
    public func fisherFactorProduct(_ vector: Tensor) -> [Tensor] {
        let v = constantVariance
        let (first, second) = (vector[.all, 0..<outputCount], vector[.all, outputCount...])
        return [first.reshaped(v.shape) / v.squareRoot(), second.reshaped(v.shape) / v * 0.5.squareRoot()]
    }

    /// Bᵀ v = (v₁ / √variance, v₂ / (√2 variance)), [batch, fisherRank].
    public func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
        let v = constantVariance
        let parts = [vectors[0] / v.squareRoot(), vectors[1] / v * 0.5.squareRoot()]
        return Tensor.concatenate(parts.map { $0.flattened(from: 1) }, axis: 1)
    }

    /// H v for each example, for the targets' errors r = t − μ.
    public func hessianProduct(_ vectors: [Tensor], targets: Tensor) -> [Tensor] {
        let v = constantVariance
        let error = targets.to(v.dtype) - mean.detached()
        let mixed = error / v.squared()
        let second = error.squared() / v.pow(3) - 0.5 / v.squared()
        return [vectors[0] / v + mixed * vectors[1], mixed * vectors[0] + second * vectors[1]]
    }

    private var constantVariance: Tensor { variance.detached() }

    /// The number of outputs of an example.
    private var outputCount: Int { mean.shape.dropFirst().reduce(1, *) }
}
