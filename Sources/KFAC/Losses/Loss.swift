public import Torch

/// What is minimised: the mean over the batch of −log p(targets), where p is what the network predicts.
///
/// Several losses of one batch add up, each with a weight: `Loss(a, targets: s) + 0.3 * Loss(b, targets: t)`. A weight c
/// scales the loss and its curvature (Fisher, Gauss–Newton and Hessian matrix) by c, and a factor of the curvature by √c.
public struct Loss: Sendable {
    /// The parts, each a distribution with targets and a weight.
    public let terms: [Term]

    /// Creates the loss of a batch.
    ///
    /// - Parameters:
    ///   - distribution: What the network predicts for the batch.
    ///   - targets: What was observed, in the form that the distribution takes; [batch, ...].
    ///   - mask: False at positions that are padding, of type bool: [batch], [batch, ...] up to the axes of
    ///     ``PredictiveDistribution/negativeLogLikelihoodPerPosition(of:)``. They take no part in the likelihood, in
    ///     sampled losses and in curvature, and their targets can be any numbers; the mean still divides by the size of
    ///     the batch. nil keeps all positions.
    public init(_ distribution: any PredictiveDistribution, targets: Tensor, mask: Tensor? = nil) {
        terms = [Term(distribution, targets: targets, mask: mask)]
    }

    private init(terms: [Term]) { self.terms = terms }

    /// The loss of each example, [batch]: −log p, summed over the terms with their weights.
    public var perExample: Tensor {
        let weighted = terms.map { $0.weight == 1 ? $0.perExample : $0.perExample * $0.weight }
        return weighted.dropFirst().reduce(weighted[0], +)
    }

    /// The mean over the batch, differentiable.
    public var mean: Tensor { perExample.mean() }

    /// The number of examples.
    public var batchSize: Int { terms[0].distribution.batchSize }

    /// The sum of two losses of one batch.
    public static func + (a: Loss, b: Loss) -> Loss {
        guard a.batchSize == b.batchSize else {
            fatalError("Loss: a sum of losses of batches of \(a.batchSize) and \(b.batchSize) examples")
        }
        return Loss(terms: a.terms + b.terms)
    }

    /// The loss with all weights multiplied by a number that is not negative.
    public static func * (weight: Double, loss: Loss) -> Loss {
        guard weight >= 0, weight.isFinite else {
            fatalError("Loss: the weight \(weight) is not a finite number that is not negative")
        }
        return Loss(terms: loss.terms.map { $0.weighted(by: weight) })
    }

    /// The loss with all weights multiplied by a number that is not negative.
    public static func * (loss: Loss, weight: Double) -> Loss { weight * loss }
}
