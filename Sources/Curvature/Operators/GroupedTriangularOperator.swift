public import Torch

/// A block-diagonal matrix of lower-triangular blocks of one size.
public struct GroupedTriangularOperator: InvertibleOperator {
    /// The blocks, [groups, n, n].
    public let lower: Tensor

    /// Creates an operator from lower-triangular blocks.
    public init(lower: Tensor) {
        guard lower.rank == 3, lower.shape[1] == lower.shape[2] else {
            fatalError("GroupedTriangularOperator: blocks of shape \(lower.shape); [groups, n, n] is needed")
        }
        self.lower = lower
    }

    /// The number of rows.
    public var rowCount: Int { lower.shape[0] * lower.shape[1] }

    /// The number of columns.
    public var columnCount: Int { rowCount }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor { lower.appliedAsBlocks(to: x) }

    /// The transposed matrix times each vector.
    public func applyTransposed(_ x: Tensor) -> Tensor { lower.transposed().appliedAsBlocks(to: x) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { lower.blockDiagonalMatrix() }

    /// The solution y of self · y = x, for each vector.
    public func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try lower.solveTriangular(cut(x)).reshaped(x.shape)
    }

    /// The solution y of selfᵀ · y = x, for each vector.
    public func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try lower.transposed().solveTriangular(cut(x), upper: true).reshaped(x.shape)
    }

    private func cut(_ x: Tensor) -> Tensor { x.reshaped([lower.shape[0], lower.shape[1], -1]) }
}
