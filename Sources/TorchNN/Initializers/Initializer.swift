public import Torch

/// A way to choose the first value of a parameter.
///
/// Numbers are drawn in float64 and then converted, so that one seed gives the same network in either precision.
public struct Initializer: Sendable {
    private let draw: @Sendable (_ shape: [Int], _ fan: Fan, _ generator: inout RandomGenerator) -> Tensor

    /// Creates an initialiser from a function that draws a float64 tensor of the given shape.
    public init(
        _ draw: @escaping @Sendable (_ shape: [Int], _ fan: Fan, _ generator: inout RandomGenerator) -> Tensor
    ) {
        self.draw = draw
    }

    /// Makes a parameter: a tensor with memory of its own that requires a gradient.
    ///
    /// - Parameters:
    ///   - shape: Of a weight [outputs, inputs, kernel...].
    ///   - fan: The connections; of a bias, those of its weight.
    public func callAsFunction(
        _ shape: [Int], fan: Fan, dtype: DType = .float32, device: Device = .cpu,
        using generator: inout RandomGenerator
    ) -> Tensor {
        let value = withoutGradients { draw(shape, fan, &generator).to(dtype).to(device).copy() }
        guard value.shape == shape else {
            fatalError("Initializer: drew a tensor of shape \(value.shape) for a parameter of shape \(shape)")
        }
        return value.requiringGradient()
    }
}

extension Initializer {
    /// Zeros.
    public static let zeros = constant(0)

    /// Ones.
    public static let ones = constant(1)

    /// One number everywhere.
    public static func constant(_ value: Double) -> Initializer {
        Initializer { shape, _, generator in
            Tensor.full(shape, value, dtype: .float64, device: generator.device)
        }
    }

    /// Numbers drawn uniformly from a range.
    public static func uniform(in range: Range<Double>) -> Initializer {
        Initializer { shape, _, generator in generator.uniform(shape, in: range, dtype: .float64) }
    }

    /// Numbers drawn from a normal distribution.
    public static func normal(mean: Double = 0, standardDeviation: Double = 1) -> Initializer {
        Initializer { shape, _, generator in
            generator.normal(shape, mean: mean, standardDeviation: standardDeviation, dtype: .float64)
        }
    }
}
