public import Torch

/// A block-diagonal matrix of dense blocks of one size, as of the groups of a convolution; all at once.
public struct GroupedOperator: SymmetricOperator {
    /// The blocks, [groups, n, n].
    public let blocks: Tensor

    /// Creates an operator from symmetric blocks, whose memory must not be written any more.
    public init(blocks: Tensor) {
        guard blocks.rank == 3, blocks.shape[1] == blocks.shape[2] else {
            fatalError("GroupedOperator: blocks of shape \(blocks.shape); [groups, n, n] is needed")
        }
        self.blocks = blocks
    }

    /// The number of rows and columns.
    public var dimension: Int { blocks.shape[0] * blocks.shape[1] }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor { applyBlocks(blocks, to: x) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { blockDiagonalMatrix(blocks) }

    /// The matrix plus damping · I.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let damped = blocks.copy()
        damped.diagonal().add(inPlace: damping)
        return GroupedOperator(blocks: damped)
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator { GroupedOperator(blocks: blocks * scale) }

    /// The inverse, by Cholesky.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedOperator(blocks: try blocks.dampedInverse())
    }

    /// The inverse of the matrix plus damping · I, by Cholesky.
    public func dampedInverse(_ damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedOperator(blocks: try blocks.dampedInverse(damping))
    }

    /// The real power, by eigenvalues.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try densePower(exponent)
    }

    /// The power, with all its entries.
    func densePower(_ exponent: Double) throws(LinearAlgebraError) -> GroupedOperator {
        let (values, vectors) = try blocks.symmetricEigen()
        let powers = try values.clamped(atLeast: 0).checkedPower(exponent)
        return GroupedOperator(blocks: (vectors * powers.expanded(at: 1)).matmul(vectors.transposed()))
    }

    /// A matrix L with L Lᵀ = self.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        GroupedTriangularOperator(lower: try blocks.cholesky())
    }

    /// The sum of the diagonal.
    public func trace() -> Double { blocks.diagonal().sum().scalar }

    /// The logarithm of the determinant.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        2 * (try blocks.cholesky()).diagonal().log().sum().scalar
    }
}

extension GroupedOperator {
    public static var kind: String { "grouped" }

    public var parts: [Tensor] { [blocks] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        GroupedOperator(blocks: change(blocks))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("blocks", blocks)
    }

    public func diagonalPart() -> any SymmetricOperator {
        let identity = Tensor.identity(blocks.shape[1], dtype: blocks.dtype, device: blocks.device)
        let diagonals = blocks.diagonal().copy().clamped(atLeast: 0)
        return GroupedOperator(blocks: diagonals.expanded(at: -1) * identity)
    }

    public func eigenvalueBound() -> Double { blocks.abs().sum(2).max().scalar }
}

extension GroupedOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> GroupedOperator? {
        guard let blocks = reader.tensor("blocks", rank: 3) else { return nil }
        return reader.made(blocks.isSquare) { GroupedOperator(blocks: blocks) }
    }
}

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
    public func apply(_ x: Tensor) -> Tensor { applyBlocks(lower, to: x) }

    /// The transposed matrix times each vector.
    public func applyTransposed(_ x: Tensor) -> Tensor { applyBlocks(lower.transposed(), to: x) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { blockDiagonalMatrix(lower) }

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

/// A block-diagonal matrix of square blocks [groups, n, n] times vectors [groups · n, count].
private func applyBlocks(_ blocks: Tensor, to x: Tensor) -> Tensor {
    blocks.matmul(x.reshaped([blocks.shape[0], blocks.shape[1], x.shape[1]])).reshaped(x.shape)
}

/// The entries of a block-diagonal matrix, from its square blocks [groups, n, n].
private func blockDiagonalMatrix(_ blocks: Tensor) -> Tensor {
    let (groups, n) = (blocks.shape[0], blocks.shape[1])
    let identity = Tensor.identity(groups, dtype: blocks.dtype, device: blocks.device)
    return Tensor.einsum("gij,gh->gihj", blocks, identity).reshaped([groups * n, groups * n])
}
