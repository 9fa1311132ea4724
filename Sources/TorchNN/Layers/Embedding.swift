public import Torch

/// A row of numbers for each class.
///
/// Integers of any shape [...] become [..., outputs].
public final class Embedding: Module {
    /// [classes, outputs].
    public let weight: Tensor

    /// Creates a layer.
    ///
    /// - Parameters:
    ///   - classes: The number of rows; indices are below it.
    ///   - outputs: The length of a row.
    ///   - weight: How the weight begins. A class has one input, so that scaled initialisers take the fan in as 1.
    public init(
        _ classes: Int, _ outputs: Int, weight: Initializer = .normal(), dtype: DType = .float32,
        device: Device = .cpu, using generator: inout RandomGenerator
    ) {
        self.weight = weight(
            [classes, outputs], fan: Fan(input: 1, output: outputs), dtype: dtype, device: device, using: &generator)
    }

    /// Creates a layer of a tensor that exists, perhaps that of another layer.
    public init(weight: Tensor) { self.weight = weight }

    /// Picks the rows of the given classes.
    public func callAsFunction(_ input: Tensor) -> Tensor { embedding(input, weight: weight) }
}
