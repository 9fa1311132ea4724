public import Torch

/// A part of a network: a function of a tensor with parameters of its own.
///
/// A type of one's own stores tensors and other modules and says what it computes:
///
///     final class Classifier: Module {
///         let hidden: Linear
///         let output: Linear
///
///         init(using generator: inout RandomGenerator) {
///             hidden = Linear(784, 100, using: &generator)
///             output = Linear(100, 10, using: &generator)
///         }
///
///         func callAsFunction(_ input: Tensor) -> Tensor { output(hidden(input).tanh()) }
///     }
///
/// Its parameters are found by the names of the stored properties: "hidden.weight", "hidden.bias", "output.weight", …
/// A stored ``/Torch/Tensor`` is a parameter; a tensor that is state, not a parameter, is marked by ``Buffer``.
public protocol Module: AnyObject {
    /// The parameters, buffers and modules directly in this module, in the order in which they are listed.
    ///
    /// By default those of the stored properties, in the order of their declaration and those of a superclass first:
    /// tensors, buffers and modules themselves, and those in optionals, arrays, tuples, structures and dictionaries
    /// with texts as keys (sorted). What closures, enumerations and other classes hold is not seen: a type that keeps
    /// parameters there, or wants other names, lists its components itself.
    var components: [Component] { get }

    /// Computes the module's output.
    func callAsFunction(_ input: Tensor) -> Tensor
}

extension Module {
    /// The components found in the stored properties.
    public var components: [Component] { Component.reflecting(self) }
}
