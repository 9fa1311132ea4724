public import Torch

/// Marks a stored tensor as state that is not trained, such as running statistics.
///
///     @Buffer var runningMean: Tensor
///
/// Whether a tensor is a parameter or a buffer is a matter of its declaration, not of
/// ``/Torch/Tensor/requiresGradient``: a frozen parameter stays a parameter.
@propertyWrapper
public struct Buffer: Sendable {
    /// The tensor.
    public var wrappedValue: Tensor

    /// Marks a tensor.
    public init(wrappedValue: Tensor) { self.wrappedValue = wrappedValue }
}
