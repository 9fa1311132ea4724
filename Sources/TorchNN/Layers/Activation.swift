public import Torch

/// A function of each element, as a value: for models that take one as a setting.
public enum Activation: String, Sendable, Hashable, CaseIterable {
    /// The element itself.
    case identity
    /// The rectifier max(x, 0).
    case relu
    /// The hyperbolic tangent.
    case tanh
    /// The logistic function 1 / (1 + exp(−x)).
    case sigmoid
    /// The Gaussian error linear unit, in its exact form.
    case gelu
    /// The sigmoid linear unit x · sigmoid(x).
    case silu

    /// Applies the function.
    public func callAsFunction(_ input: Tensor) -> Tensor {
        switch self {
        case .identity: input
        case .relu: input.relu()
        case .tanh: input.tanh()
        case .sigmoid: input.sigmoid()
        case .gelu: input.gelu()
        case .silu: input.silu()
        }
    }
}
