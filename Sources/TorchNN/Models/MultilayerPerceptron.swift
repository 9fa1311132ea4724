public import Torch

/// Linear layers with an activation between them; the last one's output is returned as it is.
///
/// [..., inputs] becomes [..., outputs]. For images put ``Flatten`` before it, in a ``Sequential``.
public final class MultilayerPerceptron: Module {
    /// The linear layers.
    public let layers: [Linear]
    /// The activation after each layer but the last.
    public let activation: Activation

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - sizes: The numbers of units: of the input, each hidden layer, and the output.
    ///   - activation: What follows each layer but the last.
    ///   - weight: How the weights begin.
    ///   - bias: How the biases begin; nil for layers without them.
    public init(
        _ sizes: [Int], activation: Activation = .tanh, weight: Initializer = .standard,
        bias: Initializer? = .standard, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        guard sizes.count >= 2 else {
            fatalError("MultilayerPerceptron: sizes \(sizes); at least those of the input and the output are needed")
        }
        var layers: [Linear] = []
        for (inputs, outputs) in zip(sizes, sizes.dropFirst()) {
            layers.append(
                Linear(
                    inputs, outputs, weight: weight, bias: bias, dtype: dtype, device: device, using: &generator))
        }
        self.layers = layers
        self.activation = activation
    }

    /// Applies the network.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        let hidden = layers.dropLast().reduce(input) { activation($1($0)) }
        return layers[layers.count - 1](hidden)
    }
}
