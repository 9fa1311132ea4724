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
    public func apply(_ x: Tensor) -> Tensor { blocks.appliedAsBlocks(to: x) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { blocks.blockDiagonalMatrix() }

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
