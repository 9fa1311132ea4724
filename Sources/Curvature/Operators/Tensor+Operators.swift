import Torch

extension Tensor {
    /// Stops the program if this is no square matrix.
    func requireSquare(_ owner: String) {
        guard rank == 2, shape[0] == shape[1] else {
            fatalError("\(owner): a matrix of shape \(shape); a square one is needed")
        }
    }

    /// Stops the program if these are no vectors, [rows, count], of an operator's dimension.
    func requireRows(_ rows: Int, _ owner: String) {
        guard rank == 2, shape[0] == rows else {
            fatalError("\(owner): vectors of shape \(shape) for dimension \(rows); [\(rows), count] is needed")
        }
    }
    /// The block-diagonal matrix of these square blocks, [groups, n, n], times vectors [groups · n, count].
    func appliedAsBlocks(to x: Tensor) -> Tensor {
        matmul(x.reshaped([shape[0], shape[1], x.shape[1]])).reshaped(x.shape)
    }

    /// The entries of the block-diagonal matrix of these square blocks, [groups, n, n].
    func blockDiagonalMatrix() -> Tensor {
        let (groups, n) = (shape[0], shape[1])
        let identity = Tensor.identity(groups, dtype: dtype, device: device)
        return Tensor.einsum("gij,gh->gihj", self, identity).reshaped([groups * n, groups * n])
    }
}
