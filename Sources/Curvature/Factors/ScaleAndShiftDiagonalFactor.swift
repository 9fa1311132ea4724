public import Torch

/// The diagonal of the Fisher matrix of a normalisation's scales and shifts: E[g∘g], g = (∂γ, ∂β) of one example.
///
/// The successor's `ScaleAndShiftDiagonalFactor`.
public final class ScaleAndShiftDiagonalFactor: DiagonalFactor {
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

    /// Moves the average by a batch; the parameters are those of
    /// ``ScaleAndShiftFullFactor/update(inputs:outputGradients:decay:weight:)``.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let squares = outputGradients.map {
            layout.gradients(inputs: inputs, outputGradients: $0).squared().mean(0)
        }
        update(sources: squares, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }
}
