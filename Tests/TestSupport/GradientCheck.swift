public import Testing
public import Torch

/// Checks the gradients of a function against central differences in double precision.
///
/// The function's result, of any shape, is turned into a scalar by fixed random weights. With `secondOrder`, the
/// gradients (contracted with fixed random directions) are then checked in the same way, as a function of the inputs.
///
/// - Parameters:
///   - inputs: Tensors of type float64, away from kinks and poles of the function.
///   - secondOrder: Whether the gradients must be differentiable, too.
///   - step: The distance of the differences; their error is of the order of its square.
///   - function: Maps the inputs to a tensor.
public func expectGradientsMatch(
    at inputs: [Tensor], secondOrder: Bool = false, step: Double = 1e-5, relative: Double = 1e-6,
    absolute: Double = 1e-8, sourceLocation: SourceLocation = #_sourceLocation, _ function: ([Tensor]) -> Tensor
) {
    func scalar(_ inputs: [Tensor]) -> Tensor {
        let result = function(inputs)
        return (result * randomTensor(result.shape, seed: 101, in: 0.5..<1.5)).sum()
    }
    func contractedGradient(_ inputs: [Tensor]) -> Tensor {
        let gradients = gradients(of: scalar(inputs), withRespectTo: inputs, differentiable: true)
        let terms = gradients.enumerated().map { index, gradient in
            (gradient * randomTensor(gradient.shape, seed: 202 + UInt64(index), in: 0.5..<1.5)).sum()
        }
        return terms.dropFirst().reduce(terms[0], +)
    }
    func check(_ name: String, _ function: ([Tensor]) -> Tensor) {
        let leaves = inputs.map(leaf)
        let value = function(leaves)
        // A function without curvature has a gradient that depends on nothing.
        let computed =
            value.requiresGradient
            ? gradients(of: value, withRespectTo: leaves) : leaves.map { Tensor.zeros(like: $0.detached()) }
        let numerical = differences(of: function, at: inputs, step: step)
        for (index, (a, b)) in zip(computed, numerical).enumerated() {
            expectClose(
                a, b, relative: relative, absolute: absolute, "\(name) with respect to input \(index)",
                sourceLocation: sourceLocation)
        }
    }
    check("the gradient", scalar)
    if secondOrder {
        // The differences come without leaves, but the inner gradient needs some.
        check("the second derivative") { contractedGradient($0.map { $0.requiresGradient ? $0 : leaf($0) }) }
    }
}

/// A tensor of the same numbers that can be differentiated with respect to.
private func leaf(_ tensor: Tensor) -> Tensor { tensor.detached().requiringGradient() }

/// The derivatives of a scalar function by moving each element of each input to either side.
private func differences(of function: ([Tensor]) -> Tensor, at inputs: [Tensor], step: Double) -> [Tensor] {
    inputs.indices.map { which in
        let values = inputs[which].array(of: Double.self)
        let shape = inputs[which].shape
        func value(movingElement index: Int, by distance: Double) -> Double {
            var moved = values
            moved[index] += distance
            var arguments = inputs
            arguments[which] = Tensor(moved, shape: shape)
            return function(arguments).scalar
        }
        let slopes = values.indices.map {
            (value(movingElement: $0, by: step) - value(movingElement: $0, by: -step)) / (2 * step)
        }
        return Tensor(slopes, shape: shape)
    }
}
