public import Torch

/// A deep autoencoder: a perceptron that narrows to a code, and its mirror image.
///
/// [batch, inputs] becomes [batch, inputs]: logits, the sigmoid of which are the reconstructed pixels. The code and the
/// output are linear.
///
/// With the default sizes it is the benchmark on which Hessian-free optimisation and K-FAC were first measured
/// (Hinton and Salakhutdinov 2006; Martens 2010; Martens and Grosse 2015).
public final class Autoencoder: Module {
    /// From the input to the code.
    public let encoder: MultilayerPerceptron
    /// From the code to the logits.
    public let decoder: MultilayerPerceptron

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - sizes: The numbers of units from the input to the code; the decoder has them in opposite order.
    ///   - activation: What follows each layer but the code and the output.
    ///   - weight: How the weights begin.
    ///   - bias: How the biases begin.
    public init(
        _ sizes: [Int] = [784, 1000, 500, 250, 30], activation: Activation = .tanh, weight: Initializer = .sparse(),
        bias: Initializer = .zeros, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        encoder = MultilayerPerceptron(
            sizes, activation: activation, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
        decoder = MultilayerPerceptron(
            sizes.reversed(), activation: activation, weight: weight, bias: bias, dtype: dtype, device: device,
            using: &generator)
    }

    /// Encodes and decodes.
    public func callAsFunction(_ input: Tensor) -> Tensor { decoder(encoder(input)) }
}
