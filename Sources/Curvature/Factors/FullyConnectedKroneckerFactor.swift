public import Torch

/// A Kronecker factor of a fully connected layer: E[x xᵀ], of its inputs or of its output gradients.
///
/// Axes between the batch and the last one are positions, each of which counts like an example (the *expand* setting of
/// Eschenhagen et al. 2023). With a bias, each x ends in a constant 1. No mean is subtracted (Martens & Grosse 2015,
/// section 3). The original's class of the same name; of several uses of one layer, `FullyConnectedMultiKF` without its
/// time series (see ``FullyConnectedMultiKroneckerFactor``).
public final class FullyConnectedKroneckerFactor: InverseProvidingFactor {
    /// Whether the last coordinate is the bias's.
    public let hasBias: Bool

    /// Creates a factor without statistics.
    ///
    /// - Parameter features: The extent of the last axis of what is given to ``update(_:decay:weight:)``.
    public init(
        features: Int, hasBias: Bool = false, settings: FactorSettings = FactorSettings(), dtype: DType = .float32,
        device: Device = .cpu
    ) {
        self.hasBias = hasBias
        super.init(dimension: features + (hasBias ? 1 : 0), settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - sources: [batch, ..., features] each. Their second moments, each a mean over all rows, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: The number of examples, for the count-weighted rule; that of the first source by default.
    public func update(_ sources: [Tensor], decay: Double, weight: Double? = nil) {
        update(uses: sources.map { [$0] }, decay: decay, weight: weight)
    }

    /// Moves the average by a batch of several parts that count as one: sources of one tensor each part.
    ///
    /// The parts are the uses of the layer, or the batch's parts on several devices (the original's towers).
    public func update(uses sources: [[Tensor]], decay: Double, weight: Double? = nil) {
        let features = dimension - (hasBias ? 1 : 0)
        for source in sources.joined() where source.shape.last != features {
            fatalError(
                "FullyConnectedKroneckerFactor.update: a source of shape \(source.shape) for \(features) features")
        }
        let rows: [[any SecondMoment]] = sources.map { $0.map { Rows.last(of: $0, hasBias: hasBias) } }
        update(sources: rows, decay: decay, weight: weight ?? Double(sources[0][0].shape[0]))
    }
}
