public import Torch

/// The sum of what two paths make of the input.
///
/// He et al., "Deep residual learning for image recognition", 2015.
public final class Residual: Module {
    /// The path with the layers.
    public let body: any Module
    /// The path around them, whose output has the shape of the body's.
    public let shortcut: any Module

    /// Creates a sum; by default the input itself is added.
    public init(_ body: any Module, shortcut: any Module = Identity()) {
        self.body = body
        self.shortcut = shortcut
    }

    /// Applies both paths.
    public func callAsFunction(_ input: Tensor) -> Tensor { shortcut(input) + body(input) }
}
