public import Torch

/// The full Fisher matrix of any parameters, estimated from the gradient of the whole batch: g gᵀ / batch size.
///
/// g is the gradient of the *sum* of the batch's losses. As the examples' gradients of a sampled loss have mean zero
/// and are independent, the square of their sum is an unbiased estimate of the sum of their squares: of rank one for
/// each batch, and very noisy. For parameters that no other factor is known for. The original's `FullFactor`, in its
/// successor `NaiveFullFactor`.
public final class NaiveFullFactor: InverseProvidingFactor {
    /// Creates a factor without statistics for a number of parameters.
    public init(
        dimension: Int, settings: FactorSettings = FactorSettings(), dtype: DType = .float32, device: Device = .cpu
    ) {
        super.init(dimension: dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - gradients: For each source, the gradients with respect to each parameter; taken as one vector. The sources'
    ///     moments are *summed*.
    ///   - batchSize: The number of examples.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(gradients: [[Tensor]], batchSize: Int, decay: Double, weight: Double? = nil) {
        update(gradients: gradients, normalizer: Double(batchSize), decay: decay, weight: weight)
    }

    /// Moves the average by a batch whose mean loss divides by `normalizer`.
    func update(gradients: [[Tensor]], normalizer: Double, decay: Double, weight: Double? = nil) {
        let rows: [[any SecondMoment]] = gradients.map { source in
            [Rows(columns: joined(source).expanded(at: 1) / normalizer.squareRoot())]
        }
        update(sources: rows, decay: decay, weight: weight ?? normalizer)
    }
}
