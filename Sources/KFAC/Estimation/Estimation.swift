import Torch

/// What is propagated back to estimate the curvature of the loss with respect to the pre-activations.
public enum Estimation: Sendable, Hashable, Codable {
    /// −log p of targets drawn from the model: an unbiased estimate of the Fisher matrix for each draw, and one
    /// backward pass (Martens & Grosse 2015, section 5).
    case sampled(draws: Int = 1)
    /// −log p of the data's targets: the empirical Fisher matrix, which is no curvature but costs nothing more.
    case empirical
    /// Every column of the loss's factor B, with F = B Bᵀ: the exact Fisher matrix (of the model's outputs), at as
    /// many backward passes as an example has outputs.
    case exact
    /// B times random signs: unbiased like a draw, with less variance for few examples (Martens et al. 2012).
    case curvaturePropagation(draws: Int = 1)
}

extension Estimation {
    /// The gradients with respect to intermediate tensors of each quantity that is propagated back.
    ///
    /// Gradients are of sums over the batch, so that each example's are unscaled; the sum over sources of their outer
    /// products estimates (or is) the Fisher matrix. The graph is kept.
    ///
    /// - Parameter intermediates: Pre-activations.
    /// - Returns: For each source, the gradients; nil for a tensor that the loss does not depend on.
    func gradients(
        of loss: Loss, withRespectTo intermediates: [Tensor], using generator: inout RandomGenerator
    ) -> [[Tensor?]] {
        let distribution = loss.distribution
        func propagate(_ outputs: [Tensor], _ weights: [Tensor]?) -> [Tensor?] {
            gradientsIfReached(of: outputs, weightedBy: weights, withRespectTo: intermediates, keepingGraph: true)
        }
        func scaled(_ gradients: [Tensor?], draws: Int) -> [Tensor?] {
            draws == 1 ? gradients : gradients.map { $0.map { $0 / Double(draws).squareRoot() } }
        }
        switch self {
        case .sampled(let draws):
            return (0..<draws).map { _ in
                let targets = withoutGradients { distribution.sample(using: &generator) }
                let likelihood = distribution.negativeLogLikelihood(of: targets).sum()
                return scaled(propagate([likelihood], nil), draws: draws)
            }
        case .empirical:
            return [propagate([loss.perExample.sum()], nil)]
        case .exact:
            let rank = distribution.fisherRank
            return (0..<rank).map { column in
                let unit = Tensor.zeros([loss.batchSize, rank], like: distribution.parameters[0])
                unit[.all, column].fill(1)
                return propagate(distribution.parameters, distribution.fisherFactorProduct(unit))
            }
        case .curvaturePropagation(let draws):
            return (0..<draws).map { _ in
                let shape = [loss.batchSize, distribution.fisherRank]
                let signs = generator.signs(like: Tensor.zeros(shape, like: distribution.parameters[0]))
                return scaled(
                    propagate(distribution.parameters, distribution.fisherFactorProduct(signs)), draws: draws)
            }
        }
    }
}

extension Tensor {
    /// Zeros of another shape, of the type and on the device of `other`.
    static func zeros(_ shape: [Int], like other: Tensor) -> Tensor {
        zeros(shape, dtype: other.dtype, device: other.device)
    }
}
