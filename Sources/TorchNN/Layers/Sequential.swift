public import Torch

/// Modules one after the other.
///
///     let model = Sequential(
///         Flatten(), Linear(784, 100, using: &generator), Tanh(), Linear(100, 10, using: &generator))
///
/// Parameters are named by position: "1.weight", "1.bias", "3.weight", …
public final class Sequential: Module {
    /// The modules in order.
    public let layers: [any Module]

    /// Creates a chain.
    public init(_ layers: any Module...) { self.layers = layers }

    /// Creates a chain from a list, perhaps one made in a loop.
    public init(_ layers: [any Module]) { self.layers = layers }

    /// The modules, named by position.
    public var components: [Component] { layers.enumerated().map { .module("\($0.offset)", $0.element) } }

    /// Applies the modules in order.
    public func callAsFunction(_ input: Tensor) -> Tensor { layers.reduce(input) { $1($0) } }
}
