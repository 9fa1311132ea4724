import Torch

extension Eigenbasis {
    /// The rows of a matrix [count, n] in the coordinates of this basis, or back from them.
    func transformRows(of x: Tensor, back: Bool = false) -> Tensor {
        switch self {
        case .identity: x
        case .dense(let vectors): x.matmul(back ? vectors.transposed() : vectors)
        case .grouped, .sum: (back ? apply(x.transposed()) : applyTransposed(x.transposed())).transposed()
        }
    }

    /// The coordinate axes, in the same structure.
    var alongAxes: Eigenbasis {
        switch self {
        case .identity: self
        case .dense(let vectors), .grouped(let vectors):
            .identity(Tensor.ones([rowCount], dtype: vectors.dtype, device: vectors.device))
        case .sum(let bases): .sum(bases.map(\.alongAxes))
        }
    }

    /// (T ∘ T) x with T = Qᵀ Q' for the vectors Q' of another basis: columns of mean squares, [n, count], from the
    /// coordinates of the other basis to those of this one; nil where the two have not one structure.
    func squares(_ x: Tensor, from other: Eigenbasis) -> Tensor? {
        guard rowCount == other.rowCount else { return nil }
        switch (self, other) {
        case (.identity, .identity): return x
        case (.dense(let own), .identity): return own.transposed().squared().matmul(x)
        case (.identity, .dense(let other)): return other.squared().matmul(x)
        case (.dense(let own), .dense(let other)): return own.transposed().matmul(other).squared().matmul(x)
        case (.grouped(let own), .identity): return own.transposed().squared().appliedAsBlocks(to: x)
        case (.identity, .grouped(let other)): return other.squared().appliedAsBlocks(to: x)
        case (.grouped(let own), .grouped(let other)) where own.shape == other.shape:
            return own.transposed().matmul(other).squared().appliedAsBlocks(to: x)
        case (.sum(let own), .sum(let other)) where own.map(\.rowCount) == other.map(\.rowCount):
            var (start, results): (Int, [Tensor]) = (0, [])
            for (basis, other) in zip(own, other) {
                guard let part = basis.squares(x[start..<(start + basis.rowCount)], from: other) else { return nil }
                start += basis.rowCount
                results.append(part)
            }
            return Tensor.concatenate(results)
        default: return nil
        }
    }
}
