public import Torch

/// The input-side Kronecker factor of a convolution: Ω = E[p pᵀ] over examples and locations, p a patch.
///
/// Coordinates are in the order [channel][kernel row][kernel column] of the weight's own memory, the bias's constant 1
/// last (Grosse & Martens 2016, section 3; the original puts the channel last instead). Patches that reach over the
/// edge contain the border's zeros.
public final class ConvInputKroneckerFactor: InverseProvidingFactor {
    /// How the kernel moves.
    public let geometry: ConvolutionGeometry
    /// Whether the last coordinate is the bias's.
    public let hasBias: Bool

    /// Creates a factor without statistics.
    public init(
        channels: Int, geometry: ConvolutionGeometry, hasBias: Bool, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        self.geometry = geometry
        self.hasBias = hasBias
        let dimension = geometry.kernel.reduce(channels, *) + (hasBias ? 1 : 0)
        super.init(dimension: dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: [batch, channels, spatial...], one for each use of the weight in the batch.
    ///   - decay: ρ of the running average.
    ///   - weight: The number of examples, for the count-weighted rule; that of the first input by default.
    public func update(inputs: [Tensor], decay: Double, weight: Double? = nil) {
        update(
            uses: inputs.map { ($0, geometry) }, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }

    /// Moves the average by a batch in which the kernel moved in several ways.
    func update(uses: [(input: Tensor, geometry: ConvolutionGeometry)], decay: Double, weight: Double) {
        let moments = uses.map { Patches.moment(of: $0.input, geometry: $0.geometry, hasBias: hasBias) }
        update(sources: [moments], decay: decay, weight: weight)
    }
}
