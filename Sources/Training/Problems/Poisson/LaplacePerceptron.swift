public import Torch
public import TorchNN

/// A perceptron with tanh units that knows its own Laplacian: for networks that solve differential equations.
///
/// [batch, inputs] becomes [batch, outputs]. ``valueAndLaplacian(at:)`` carries the value, the gradient and the sum of
/// the second derivatives with respect to the inputs through the network in one forward pass (the *forward Laplacian*
/// of Li et al. 2023), so that the loss needs no derivative of a derivative.
///
/// Derivatives go through the same weights as values, but without the biases. So that both are one use of one matrix,
/// and K-FAC sees weight and bias together, the bias is the weight's last column and each layer's last input is 1 for
/// values, 0 for derivatives (as in Dangel, Müller & Zeinhofer 2024). Bias parameters of their own, which get blocks of
/// their own, as they go with only some uses of the weight, train as well at a higher cost of a step.
public final class LaplacePerceptron: Module {
    /// The layers without bias parameters: [outputs, inputs + 1] each, the bias last.
    public let layers: [Linear]

    /// Creates a network.
    ///
    /// - Parameters:
    ///   - sizes: The numbers of units: of the input, each hidden layer, and the output.
    ///   - weight: How the weights begin; biases begin as zeros.
    public init(
        _ sizes: [Int], weight: Initializer = .xavierUniform(), dtype: DType = .float64, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) {
        guard sizes.count >= 2 else {
            fatalError("LaplacePerceptron: sizes \(sizes); at least those of the input and the output are needed")
        }
        var layers: [Linear] = []
        for (inputs, outputs) in zip(sizes, sizes.dropFirst()) {
            let fan = Fan(input: inputs, output: outputs)
            let matrix = weight([outputs, inputs], fan: fan, dtype: dtype, device: device, using: &generator)
            let bias = Tensor.zeros([outputs, 1], dtype: dtype, device: device)
            layers.append(
                Linear(weight: Tensor.concatenate([matrix.detached(), bias], axis: 1).requiringGradient()))
        }
        self.layers = layers
    }

    /// Creates a network of layers that exist, without bias parameters: [outputs, inputs + 1] each, the bias last.
    public init(layers: [Linear]) {
        guard !layers.isEmpty, layers.allSatisfy({ $0.weight.rank == 2 && $0.bias == nil }) else {
            fatalError(
                "LaplacePerceptron: layers with weights of shapes \(layers.map(\.weight.shape)); at least one is needed, all of "
                    + "matrices without a bias parameter")
        }
        self.layers = layers
    }

    /// Computes the values.
    public func callAsFunction(_ points: Tensor) -> Tensor {
        guard points.rank == 2 else {
            fatalError("LaplacePerceptron: points of shape \(points.shape); [batch, dimensions] is needed")
        }
        let hidden = layers.dropLast().reduce(points) { Self.apply($1, to: $0).tanh() }
        return Self.apply(layers[layers.count - 1], to: hidden)
    }

    private static func apply(_ layer: Linear, to input: Tensor) -> Tensor {
        layer(Tensor.concatenate([input, Tensor.ones(like: input[.all, 0..<1])], axis: 1))
    }

    /// Computes the values and their Laplacians, the sums of the second derivatives: [batch, outputs] each.
    public func valueAndLaplacian(at points: Tensor) -> (value: Tensor, laplacian: Tensor) {
        guard points.rank == 2 else {
            fatalError("LaplacePerceptron: points of shape \(points.shape); [batch, dimensions] is needed")
        }
        let (batch, dimensions) = (points.shape[0], points.shape[1])
        // [batch, streams, units]: the value, the derivative along each input, the Laplacian.
        let gradients = Tensor.identity(dimensions, dtype: points.dtype, device: points.device)
        var streams = Tensor.concatenate(
            [
                points.expanded(at: 1), gradients.expanded(at: 0).broadcast(to: [batch, dimensions, dimensions]),
                Tensor.zeros(like: points).expanded(at: 1),
            ], axis: 1)
        let isValue = Tensor.range(0..<dimensions + 2, device: points.device) .== 0
        let ones = isValue.to(points.dtype).reshaped([1, -1, 1]).broadcast(to: [batch, dimensions + 2, 1])
        for (number, layer) in layers.enumerated() {
            streams = layer(Tensor.concatenate([streams, ones], axis: 2))
            if number < layers.count - 1 { streams = Self.tanh(streams) }
        }
        return (streams[.all, 0], streams[.all, -1])
    }

    /// With t = tanh v: ∇t = (1 − t²) ∇v and Δt = (1 − t²) (Δv − 2 t |∇v|²).
    private static func tanh(_ streams: Tensor) -> Tensor {
        let last = streams.shape[1] - 1
        let value = streams[.all, 0..<1].tanh()
        let slope = 1 - value.squared()
        let gradient = streams[.all, 1..<last]
        let squared = gradient.squared().sum(1, keepingAxes: true)
        let laplacian = streams[.all, last...] - 2 * value * squared
        return Tensor.concatenate([value, slope * gradient, slope * laplacian], axis: 1)
    }
}
