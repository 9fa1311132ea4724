public import Torch

/// The diagonal of the Fisher matrix of any parameters, estimated from the gradient of the whole batch: g² / batch
/// size.
///
/// See ``NaiveFullFactor``. The original's class of the same name.
public final class NaiveDiagonalFactor: DiagonalFactor {
    /// Creates a factor without statistics for a number of parameters.
    public override init(
        dimension: Int, settings: FactorSettings = FactorSettings(), dtype: DType = .float32, device: Device = .cpu
    ) {
        super.init(dimension: dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - gradients: For each source, the gradients with respect to each parameter; taken as one vector. The sources'
    ///     squares are *summed*.
    ///   - batchSize: The number of examples.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(gradients: [[Tensor]], batchSize: Int, decay: Double, weight: Double? = nil) {
        update(gradients: gradients, normalizer: Double(batchSize), decay: decay, weight: weight)
    }

    /// Moves the average by a batch whose mean loss divides by `normalizer`.
    func update(gradients: [[Tensor]], normalizer: Double, decay: Double, weight: Double? = nil) {
        let squares = gradients.map { joined($0).squared() / normalizer }
        update(sources: squares, decay: decay, weight: weight ?? normalizer)
    }
}
