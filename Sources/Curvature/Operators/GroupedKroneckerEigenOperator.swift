public import Torch

/// A block-diagonal matrix whose blocks are diagonal in Kronecker products of orthonormal bases.
///
/// Each group j has the block (Qⱼ ⊗ Pⱼ) diag(Sⱼ) (Qⱼ ⊗ Pⱼ)ᵀ. All groups have one size and are computed at once.
public struct GroupedKroneckerEigenOperator: SymmetricOperator {
    /// The bases Qⱼ on the left, as columns, [groups, m, m].
    public let left: Tensor
    /// The bases Pⱼ on the right, as columns, [groups, n, n].
    public let right: Tensor
    /// The eigenvalues Sⱼ, [groups, m, n].
    public let values: Tensor

    /// Creates an operator from the groups' bases and eigenvalues.
    public init(left: Tensor, right: Tensor, values: Tensor) {
        guard Self.fit(left, right, values) else {
            fatalError(
                "GroupedKroneckerEigenOperator: eigenvalues \(values.shape) for bases \(left.shape) and \(right.shape)")
        }
        (self.left, self.right, self.values) = (left, right, values)
    }

    /// Diagonalises the groups' products, one side at a time.
    public init(diagonalizing products: GroupedKroneckerOperator) throws(LinearAlgebraError) {
        let (leftValues, left) = try products.left.blocks.symmetricEigen()
        let (rightValues, right) = try products.right.blocks.symmetricEigen()
        self.init(
            left: left, right: right,
            values: leftValues.clamped(atLeast: 0).expanded(at: 2) * rightValues.clamped(atLeast: 0).expanded(at: 1))
    }

    private static func fit(_ left: Tensor, _ right: Tensor, _ values: Tensor) -> Bool {
        guard left.rank == 3, right.rank == 3, left.isSquare, right.isSquare else { return false }
        return values.shape == [left.shape[0], left.shape[1], right.shape[1]] && left.shape[0] == right.shape[0]
    }

    public var dimension: Int { values.count }

    public func apply(_ x: Tensor) -> Tensor {
        let inBasis = GroupedKroneckerFactor.apply(left.transposed(), right.transposed(), to: x)
        return GroupedKroneckerFactor.apply(left, right, to: inBasis * values.reshaped([-1, 1]))
    }

    public func dense() -> Tensor { apply(Tensor.identity(dimension, dtype: values.dtype, device: values.device)) }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedKroneckerEigenOperator(left: left, right: right, values: values + damping)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        GroupedKroneckerEigenOperator(left: left, right: right, values: values * scale)
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedKroneckerEigenOperator(left: left, right: right, values: try values.checkedPower(exponent))
    }

    /// The lower-triangular factor, of the dense matrix.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try dense().cholesky())
    }

    public func trace() -> Double { values.sum().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double { values.log().sum().scalar }
}

extension GroupedKroneckerEigenOperator: EigenbasisOperator {
    public var eigenvalues: Tensor { values.reshaped([-1, 1]) }

    public func coordinates(of vector: Tensor) -> Tensor {
        left.transposed().matmul(vector.reshaped(values.shape)).matmul(right).reshaped([-1, 1])
    }

    public func vectors(at coordinates: Tensor) -> Tensor {
        left.matmul(coordinates.reshaped(values.shape)).matmul(right.transposed()).reshaped([-1, 1])
    }

    public func squares(_ squares: Tensor, from other: GroupedKroneckerEigenOperator) -> Tensor? {
        guard other.values.shape == values.shape else { return nil }
        let (rows, columns) = (left.transposed().matmul(other.left), right.transposed().matmul(other.right))
        return rows.squared().matmul(squares.reshaped(values.shape)).matmul(columns.squared().transposed())
            .reshaped([-1, 1])
    }

    public var alongAxes: GroupedKroneckerEigenOperator {
        func axes(_ bases: Tensor) -> Tensor {
            Tensor.identity(bases.shape[1], dtype: bases.dtype, device: bases.device).broadcast(to: bases.shape).copy()
        }
        return GroupedKroneckerEigenOperator(left: axes(left), right: axes(right), values: values)
    }
}

extension GroupedKroneckerEigenOperator {
    public static var kind: String { "groupedKroneckerEigen" }

    public var parts: [Tensor] { [left, right, values] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        GroupedKroneckerEigenOperator(left: change(left), right: change(right), values: change(values))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("left", left)
        snapshot.set("right", right)
        snapshot.set("values", values)
    }
}

extension GroupedKroneckerEigenOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> GroupedKroneckerEigenOperator? {
        guard let left = reader.tensor("left", rank: 3), let right = reader.tensor("right", rank: 3),
            let values = reader.tensor("values", rank: 3)
        else { return nil }
        return reader.made(fit(left, right, values)) {
            GroupedKroneckerEigenOperator(left: left, right: right, values: values)
        }
    }
}
