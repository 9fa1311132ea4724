public import Torch

/// What is minimised: the mean over the batch of −log p(targets), where p is what the network predicts.
public struct Loss: Sendable {
    /// What the network predicts for the batch.
    public let distribution: any PredictiveDistribution
    /// What was observed, in the form that the distribution takes; [batch, ...].
    public let targets: Tensor
    /// −log p of each example, [batch].
    public let perExample: Tensor

    /// Creates the loss of a batch.
    public init(_ distribution: any PredictiveDistribution, targets: Tensor) {
        self.distribution = distribution
        self.targets = targets
        perExample = distribution.negativeLogLikelihood(of: targets)
    }

    /// The mean over the batch, differentiable.
    public var mean: Tensor { perExample.mean() }

    /// The number of examples.
    public var batchSize: Int { distribution.batchSize }
}
