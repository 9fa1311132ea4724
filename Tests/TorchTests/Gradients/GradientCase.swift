import TestSupport
import Testing
import Torch

/// A function whose derivatives are checked, at fixed random inputs.
struct GradientCase: Sendable, CustomTestStringConvertible {
    let name: String
    let inputs: [Tensor]
    let secondOrder: Bool
    let function: @Sendable ([Tensor]) -> Tensor

    /// A case at uniform random inputs of the given shapes.
    ///
    /// - Parameter secondOrder: Whether the second derivatives are checked, too.
    init(
        _ name: String, _ shapes: [Int]..., in range: Range<Double> = -1..<1, secondOrder: Bool = true,
        function: @escaping @Sendable ([Tensor]) -> Tensor
    ) {
        let inputs = shapes.enumerated().map { randomTensor($1, seed: 11 + UInt64($0), in: range) }
        self.init(name, at: inputs, secondOrder: secondOrder, function: function)
    }

    /// A case at given inputs.
    init(
        _ name: String, at inputs: [Tensor], secondOrder: Bool = true,
        function: @escaping @Sendable ([Tensor]) -> Tensor
    ) {
        self.name = name
        self.inputs = inputs
        self.secondOrder = secondOrder
        self.function = function
    }

    var testDescription: String { name }

    func check(sourceLocation: SourceLocation = #_sourceLocation) {
        expectGradientsMatch(at: inputs, secondOrder: secondOrder, sourceLocation: sourceLocation, function)
    }
}
