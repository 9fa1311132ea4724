public import Torch

/// s = x Wᵀ + b.
///
/// [..., inputs] becomes [..., outputs].
public final class Linear: Module {
    /// W: [outputs, inputs].
    public let weight: Tensor
    /// b: [outputs].
    public let bias: Tensor?

    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - weight: How the weight begins.
    ///   - bias: How the bias begins; nil for a layer without one.
    public init(
        _ inputs: Int, _ outputs: Int, weight: Initializer = .standard, bias: Initializer? = .standard,
        dtype: DType = .float32, device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        let fan = Fan(input: inputs, output: outputs)
        self.weight = weight([outputs, inputs], fan: fan, dtype: dtype, device: device, using: &generator)
        self.bias = bias.map { $0([outputs], fan: fan, dtype: dtype, device: device, using: &generator) }
    }

    /// Creates a layer of tensors that exist, perhaps those of another layer.
    public init(weight: Tensor, bias: Tensor? = nil) {
        self.weight = weight
        self.bias = bias
    }

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor { linear(input, weight: weight, bias: bias) }
}
