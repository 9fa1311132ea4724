public import Torch

/// Independent yes-or-no outcomes, from logits: sigmoid and cross-entropy, summed over the outcomes.
///
/// F = diag(p(1 − p)) with the factor B = F^½. Logits are natural parameters: F is also the Gauss–Newton matrix.
public struct Bernoulli: PredictiveDistribution {
    /// The log-odds, [batch, ...].
    public let logits: Tensor

    /// Creates the distribution from logits, [batch, ...].
    public init(logits: Tensor) { self.logits = logits }

    public var parameters: [Tensor] { [logits] }

    /// −log p of each example, [batch].
    ///
    /// - Parameter targets: Zeros and ones, or probabilities, in the shape of the logits.
    public func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        guard targets.shape == logits.shape else {
            fatalError("Bernoulli: targets of shape \(targets.shape) for logits of shape \(logits.shape)")
        }
        return (logits.softplus() - logits * targets.to(logits.dtype)).sumPerExample()
    }

    public func sample(using generator: inout RandomGenerator) -> Tensor { generator.bernoulli(probabilities) }

    public var fisherRank: Int { logits.shape.dropFirst().reduce(1, *) }

    public func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { [variance * vectors[0]] }

    public func fisherFactorProduct(_ vector: Tensor) -> [Tensor] {
        [variance.squareRoot() * vector.reshaped(logits.shape)]
    }

    public func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
        (variance.squareRoot() * vectors[0]).flattened(from: 1)
    }

    /// The probabilities of a one, constant for differentiation.
    public var probabilities: Tensor { logits.detached().sigmoid() }

    /// p(1 − p), with the rest as σ(−z): 1 − p would have no digits left where p is nearly 1.
    private var variance: Tensor { probabilities * (-logits.detached()).sigmoid() }
}
