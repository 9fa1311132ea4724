import Torch

/// The value of a loss, kept without its graph for a comparison.
package struct LossRecord {
    /// [batch].
    private let perExample: Tensor
    /// The number that was added to the mean.
    private let scalar: Double
    package let normalizer: Double

    package init(_ loss: Loss) {
        perExample = loss.perExample.detached()
        scalar = loss.scalarPart
        normalizer = loss.normalizer
    }

    /// The change of the sum over the batch: of ``normalizer`` times the mean.
    package func change(since before: LossRecord) -> Double {
        guard perExample.shape == before.perExample.shape else {
            fatalError(
                "KFACOptimizer.step: the loss closure gave \(before.perExample.count) examples, and \(perExample.count) "
                    + "when it was called again in the same step")
        }
        // Example by example: a difference of means would have the digits of the means only.
        let examples = (perExample.to(.float64) - before.perExample.to(.float64)).sum().scalar
        return examples + normalizer * (scalar - before.scalar)
    }
}
