public import Torch

// Activations as modules, for ``Sequential``. Any shape stays so.

/// The element itself.
public final class Identity: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input }
}

/// The rectifier max(x, 0).
public final class ReLU: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.relu() }
}

/// The hyperbolic tangent.
public final class Tanh: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.tanh() }
}

/// The logistic function 1 / (1 + exp(−x)).
public final class Sigmoid: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.sigmoid() }
}

/// The Gaussian error linear unit, in its exact form.
public final class GELU: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.gelu() }
}

/// The sigmoid linear unit x · sigmoid(x).
public final class SiLU: Module {
    /// Creates a layer.
    public init() {}

    /// Applies the function to each element.
    public func callAsFunction(_ input: Tensor) -> Tensor { input.silu() }
}
