import Torch

// The curvature of s = γ ∘ x + β, as after a batch, layer or group normalisation. An example's gradient sums over all
// axes that γ does not have: ∂γ = Σ x ∘ ds, ∂β = Σ ds (Osawa et al. 2019; the original's successor).

/// Which axes of a tensor scales and shifts have.
struct ScaleAndShiftLayout {
    /// The number of scales.
    let count: Int
    /// The axes of the input that they have, ascending.
    let axes: [Int]
    /// Whether there are as many shifts.
    let hasShift: Bool

    var dimension: Int { hasShift ? 2 * count : count }

    /// The gradient of each example, summed over uses: [batch, dimension], the scales' part first.
    func gradients(inputs: [Tensor], outputGradients: [Tensor]) -> Tensor {
        let uses = zip(inputs, outputGradients).map { input, gradient in
            let scale = summed(input * gradient)
            return hasShift ? Tensor.concatenate([scale, summed(gradient)], axis: 1) : scale
        }
        guard inputs.count == outputGradients.count, let first = uses.first else {
            fatalError("scale-and-shift factor: \(inputs.count) inputs with \(outputGradients.count) gradients")
        }
        return uses.dropFirst().reduce(first, +)
    }

    /// The sum over the axes that the scales lack, [batch, count].
    private func summed(_ x: Tensor) -> Tensor {
        guard axes.allSatisfy({ (1..<x.rank).contains($0) }), axes.map({ x.shape[$0] }).reduce(1, *) == count else {
            fatalError(
                "scale-and-shift factor: a tensor of shape \(x.shape) for \(count) scales along the axes \(axes)")
        }
        let others = (1..<x.rank).filter { !axes.contains($0) }
        return (others.isEmpty ? x : x.sum(axes: others)).flattened(from: 1)
    }
}
