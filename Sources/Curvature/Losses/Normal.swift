import Foundation
public import Torch

/// Real numbers with independent Gaussian errors of one fixed variance: squared error, summed over the outputs.
///
/// F = I / variance. With variance 1, −log p = ½‖t − μ‖² + constant; with ½ (the default of the original), ‖t − μ‖² +
/// constant. The mean is a natural parameter: F is also the Gauss–Newton matrix.
public struct Normal: PredictiveDistribution {
    /// The predicted means, [batch, ...].
    public let mean: Tensor
    /// The variance of each output.
    public let variance: Double

    /// Creates the distribution from means, [batch, ...].
    public init(mean: Tensor, variance: Double = 1) {
        guard variance > 0, variance.isFinite, mean.rank > 0 else {
            fatalError(
                "Normal: means of shape \(mean.shape) and the variance \(variance); [batch, ...] and a positive, finite number "
                    + "are needed")
        }
        self.mean = mean.inFullPrecision
        self.variance = variance
    }

    /// The means.
    public var parameters: [Tensor] { [mean] }

    /// True: F is the Hessian of −log p for any targets.
    public var hasNaturalParameters: Bool { true }

    /// −log p of each example, [batch]; the constant ½ log(2π variance) per output included.
    ///
    /// - Parameter targets: The shape of the means.
    public func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        negativeLogLikelihoodPerPosition(of: targets).sumPerExample()
    }

    /// −log p of each output, in the shape of the means.
    public func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
        if let fault = shapeFault(of: targets) { fatalError("\(fault)") }
        let constant = 0.5 * Foundation.log(2 * .pi * variance)
        return (targets.to(mean.dtype) - mean).squared() * (0.5 / variance) + constant
    }

    /// Targets of another shape, and those that are NaN.
    public func fault(in targets: Tensor) -> DataFault? {
        shapeFault(of: targets)
            ?? .outside(-.infinity ... .infinity, in: targets, place: "Normal", "the target", "is not a number")
    }

    private func shapeFault(of targets: Tensor) -> DataFault? {
        guard targets.shape != mean.shape else { return nil }
        return DataFault(
            place: "Normal", reason: "targets of shape \(targets.shape) for means of shape \(mean.shape)")
    }

    /// Draws numbers in the shape and type of the means.
    public func sample(using generator: inout RandomGenerator) -> Tensor {
        let noise = generator.normal(mean.shape, standardDeviation: variance.squareRoot(), dtype: mean.dtype)
        return mean.detached() + noise
    }

    /// The number of outputs of an example.
    public var fisherRank: Int { mean.shape.dropFirst().reduce(1, *) }

    /// F v = v / variance, elementwise in the shape of the parameters.
    public func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { [vectors[0] / variance] }

    /// B u = u / √variance, for u [batch, fisherRank].
    public func fisherFactorProduct(_ vector: Tensor) -> [Tensor] {
        [vector.reshaped(mean.shape) / variance.squareRoot()]
    }

    /// Bᵀ v = v / √variance, [batch, fisherRank].
    public func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
        vectors[0].flattened(from: 1) / variance.squareRoot()
    }
}
