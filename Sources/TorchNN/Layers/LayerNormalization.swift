public import Torch

/// Brings each example to mean 0 and variance 1 over its last axes, then scales and shifts each element.
///
/// [..., shape...] stays so.
///
/// Ba, Kiros and Hinton, "Layer normalization", 2016.
public final class LayerNormalization: Module {
    /// The scale γ, in the shape of the axes.
    public let weight: Tensor
    /// The shift β, in the shape of the axes.
    public let bias: Tensor
    /// The number that is added to variances.
    public let epsilon: Double

    /// Creates a layer with scale 1 and shift 0.
    ///
    /// - Parameter shape: The extents of the last axes, over which to normalise.
    public init(_ shape: Int..., epsilon: Double = 1e-5, dtype: DType = .float32, device: Device = .cpu) {
        weight = Tensor.ones(shape, dtype: dtype, device: device).requiringGradient()
        bias = Tensor.zeros(shape, dtype: dtype, device: device).requiringGradient()
        self.epsilon = epsilon
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        scaleAndShift(layerNormalization(input, over: weight.shape, epsilon: epsilon), scale: weight, shift: bias)
    }
}
