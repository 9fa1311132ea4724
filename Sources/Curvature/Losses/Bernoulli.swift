public import Torch

/// Independent yes-or-no outcomes, from logits: sigmoid and cross-entropy, summed over the outcomes.
///
/// F = diag(p(1 − p)) with the factor B = F^½. Logits are natural parameters: F is also the Gauss–Newton matrix.
public struct Bernoulli: PredictiveDistribution {
    /// The log-odds, [batch, ...].
    public let logits: Tensor

    /// Creates the distribution from logits, [batch, ...].
    public init(logits: Tensor) {
        guard logits.rank > 0 else { fatalError("Bernoulli: logits of shape \(logits.shape); [batch, ...] is needed") }
        self.logits = logits.inFullPrecision
    }

    /// The logits.
    public var parameters: [Tensor] { [logits] }

    /// True: F is the Hessian of −log p for any targets.
    public var hasNaturalParameters: Bool { true }

    /// −log p of each example, [batch].
    ///
    /// - Parameter targets: Zeros and ones of any type, or probabilities, in the shape of the logits.
    public func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        negativeLogLikelihoodPerPosition(of: targets).sumPerExample()
    }

    /// −log p of each outcome, in the shape of the logits.
    public func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
        if let fault = shapeFault(of: targets) { fatalError("\(fault)") }
        return logits.softplus() - logits * targets.to(logits.dtype)
    }

    /// Targets of another shape, and those that are no probabilities from 0 to 1.
    public func fault(in targets: Tensor) -> DataFault? {
        shapeFault(of: targets)
            ?? .outside(0...1, in: targets, place: "Bernoulli", "the target", "is not a probability from 0 to 1")
    }

    private func shapeFault(of targets: Tensor) -> DataFault? {
        guard targets.shape != logits.shape else { return nil }
        return DataFault(
            place: "Bernoulli", reason: "targets of shape \(targets.shape) for logits of shape \(logits.shape)")
    }

    /// Draws zeros and ones in the shape and type of the logits.
    public func sample(using generator: inout RandomGenerator) -> Tensor { generator.bernoulli(probabilities) }

    /// The number of outcomes of an example.
    public var fisherRank: Int { logits.shape.dropFirst().reduce(1, *) }

    /// F v = p(1 − p) v, elementwise in the shape of the parameters.
    public func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { [variance * vectors[0]] }

    /// B u = √(p(1 − p)) u, for u [batch, fisherRank].
    public func fisherFactorProduct(_ vector: Tensor) -> [Tensor] {
        [variance.squareRoot() * vector.reshaped(logits.shape)]
    }

    /// Bᵀ v = √(p(1 − p)) v, [batch, fisherRank].
    public func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
        (variance.squareRoot() * vectors[0]).flattened(from: 1)
    }

    /// The probabilities of a one, constant for differentiation.
    public var probabilities: Tensor { logits.detached().sigmoid() }

    /// p(1 − p), with the rest as σ(−z): 1 − p would have no digits left where p is nearly 1.
    private var variance: Tensor { probabilities * (-logits.detached()).sigmoid() }
}
