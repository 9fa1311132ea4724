public import Torch

/// A row of numbers for each class.
///
/// Integers of any shape [...] become [..., outputs].
public final class Embedding: Module {
    /// [classes, outputs].
    public let weight: Tensor
    /// A number that stands for padding, see ``/Torch/embedding(_:weight:paddingIndex:)``; nil for none.
    public let paddingIndex: Int?

    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - classes: The number of rows; indices are below it.
    ///   - outputs: The length of a row.
    ///   - paddingIndex: A number that stands for padding; nil for none.
    ///   - weight: How the weight begins. A class has one input, so that scaled initialisers take the fan in as 1.
    public init(
        _ classes: Int, _ outputs: Int, paddingIndex: Int? = nil, weight: Initializer = .normal(),
        dtype: DType = .float32, device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        self.paddingIndex = paddingIndex
        self.weight = weight(
            [classes, outputs], fan: Fan(input: 1, output: outputs), dtype: dtype, device: device, using: &generator)
    }

    /// Creates a layer of a tensor that exists, perhaps that of another layer.
    public init(weight: Tensor, paddingIndex: Int? = nil) {
        self.weight = weight
        self.paddingIndex = paddingIndex
    }

    /// Picks the rows of the given classes.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        embedding(input, weight: weight, paddingIndex: paddingIndex)
    }
}
