import TestSupport
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A parameter with small random numbers, the same for the same arguments.
func parameter(_ shape: [Int], seed: UInt64, dtype: DType = .float64) -> Tensor {
    randomTensor(shape, seed: seed, dtype: dtype).requiringGradient()
}

/// A weight and, where there is one, a bias.
struct TestLayer {
    let weight: Tensor
    let bias: Tensor?

    init(weight: Tensor, bias: Tensor?) {
        self.weight = weight.detached().copy().requiringGradient()
        self.bias = bias?.detached().copy().requiringGradient()
    }

    init(_ shape: [Int], hasBias: Bool = true, seed: UInt64, dtype: DType = .float64) {
        weight = parameter(shape, seed: seed, dtype: dtype)
        bias = hasBias ? parameter([shape[0]], seed: seed + 500, dtype: dtype) : nil
    }

    var parameters: [Tensor] { [weight] + (bias.map { [$0] } ?? []) }

    /// The parameters with names after the layer's.
    func named(_ name: String) -> [NamedParameter] {
        [NamedParameter("\(name).weight", weight)] + (bias.map { [NamedParameter("\(name).bias", $0)] } ?? [])
    }

    /// x Wᵀ + b.
    func callAsFunction(_ x: Tensor) -> Tensor { linear(x, weight: weight, bias: bias) }
}

/// Linear layers with a function between them.
struct TestNetwork {
    var layers: [TestLayer]
    var activation: @Sendable (Tensor) -> Tensor = { $0 }

    init(layers: [TestLayer], activation: @escaping @Sendable (Tensor) -> Tensor = { $0 }) {
        self.layers = layers
        self.activation = activation
    }

    init(
        _ widths: [Int], hasBias: Bool = true, seed: UInt64 = 10, dtype: DType = .float64,
        activation: @escaping @Sendable (Tensor) -> Tensor = { $0 }
    ) {
        layers = zip(widths, widths.dropFirst()).enumerated().map { index, extents in
            TestLayer([extents.1, extents.0], hasBias: hasBias, seed: seed + UInt64(index), dtype: dtype)
        }
        self.activation = activation
    }

    var parameters: [NamedParameter] { layers.enumerated().flatMap { $0.element.named("layers.\($0.offset)") } }

    func callAsFunction(_ x: Tensor) -> Tensor {
        layers[layers.count - 1](layers.dropLast().reduce(x) { activation($1($0)) })
    }
}

/// Whether two tensors have the same type, shape and numbers.
func areSame(_ a: Tensor, _ b: Tensor) -> Bool { a.dtype == b.dtype && a.shape == b.shape && (a .== b).all() }
