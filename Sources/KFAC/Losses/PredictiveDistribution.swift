public import Torch

/// What a network predicts: a probability distribution over targets for each example.
///
/// A loss is a distribution rather than a number, so that targets can be drawn from the model itself: the expectation
/// over them is what makes the Fisher matrix F = E[∇log p ∇log pᵀ] (Martens & Grosse 2015, section 2).
///
/// All quantities are per example and unscaled: −log p is summed over an example's outputs, never averaged, and the
/// batch is the first axis of every tensor. With respect to the distribution's parameters z of one example, F = B Bᵀ.
public protocol PredictiveDistribution: Sendable {
    /// The tensors computed by the network: logits, means, variances; [batch, ...] each, in the graph.
    var parameters: [Tensor] { get }

    /// −log p of each example's targets, [batch], differentiable with respect to the parameters.
    func negativeLogLikelihood(of targets: Tensor) -> Tensor

    /// Draws targets from the distribution: constants for differentiation, in the form that the likelihood takes.
    func sample(using generator: inout RandomGenerator) -> Tensor

    /// The number of columns of B: how many vectors suffice to build F of one example.
    var fisherRank: Int { get }

    /// F v for each example: vectors in the shapes of the parameters in and out.
    func fisherProduct(_ vectors: [Tensor]) -> [Tensor]

    /// B u for each example: u is [batch, fisherRank], the result has the shapes of the parameters.
    func fisherFactorProduct(_ vector: Tensor) -> [Tensor]

    /// Bᵀ v for each example: [batch, fisherRank].
    func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor
}

extension PredictiveDistribution {
    /// The number of examples: the extent of the first axis.
    public var batchSize: Int { parameters[0].shape[0] }
}

extension Tensor {
    /// The sum of everything but the first axis, [batch].
    func sumPerExample() -> Tensor { rank > 1 ? sum(axes: Array(1..<rank)) : self }
}
