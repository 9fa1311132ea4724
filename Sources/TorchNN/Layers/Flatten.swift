public import Torch

/// One axis in place of all but the first.
///
/// [batch, ...] becomes [batch, features].
public final class Flatten: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the layer.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.flattened(from: 1) }
}
