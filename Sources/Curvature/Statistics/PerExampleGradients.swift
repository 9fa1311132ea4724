import Torch

/// The gradient of each example with respect to a weight that is used at several locations: Σₜ sₜ xₜᵀ.
struct PerExampleGradients {
    /// s, [batch, groups, rows, locations].
    let left: Tensor
    /// x, [batch, groups, columns, locations].
    let right: Tensor

    /// The mean over examples of the squared entries, [groups, rows, columns].
    ///
    /// At one location the square of the product is the product of the squares. Otherwise the examples' gradients are
    /// formed, a few examples at a time, so that memory stays bounded.
    ///
    /// - Parameter elementLimit: The number of elements of gradients to hold at a time; at least one example's.
    func meanSquare(elementLimit: Int = 1 << 22) -> Tensor {
        let (batch, groups, rows, locations) = (left.shape[0], left.shape[1], left.shape[2], left.shape[3])
        let columns = right.shape[2]
        if locations == 1 {
            let (s, x) = (left.squared().squeezed(at: 3), right.squared().squeezed(at: 3))
            return s.permuted(1, 2, 0).matmul(x.permuted(1, 0, 2)) / Double(batch)
        }
        let sum = Tensor.zeros([groups, rows, columns], like: left)
        let chunk = max(1, elementLimit / (groups * rows * columns))
        for start in stride(from: 0, to: batch, by: chunk) {
            let examples = start..<min(start + chunk, batch)
            let gradients = left[examples].matmul(right[examples].transposed())
            sum.add(inPlace: gradients.squared().sum(0))
        }
        return sum / Double(batch)
    }
}
