public import Torch

/// The full Fisher matrix of a normalisation's scales and shifts: E[g gᵀ] over examples, g = (∂γ, ∂β) of one example.
///
/// The successor's `ScaleAndShiftFullFactor`.
public final class ScaleAndShiftFullFactor: InverseProvidingFactor {
    private let layout: ScaleAndShiftLayout

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - count: The number of elements of γ.
    ///   - axes: The axes of the input that γ has, ascending; not the first one.
    ///   - hasShift: Whether there is a β, which then has γ's shape.
    public init(
        count: Int, axes: [Int], hasShift: Bool = true, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        layout = ScaleAndShiftLayout(count: count, axes: axes, hasShift: hasShift)
        super.init(dimension: layout.dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: x of each use, [batch, ...].
    ///   - outputGradients: For each source, ds of each use, in the shape of x. The sources' moments, each a mean over
    ///     examples, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let rows: [[any SecondMoment]] = outputGradients.map {
            [Rows.last(of: layout.gradients(inputs: inputs, outputGradients: $0))]
        }
        update(sources: rows, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }
}
