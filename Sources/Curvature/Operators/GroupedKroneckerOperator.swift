public import Torch

/// A block-diagonal matrix of Kronecker products leftⱼ ⊗ rightⱼ, one for each group, all of one size.
///
/// Acts on the row-major entries of a matrix V for each group, behind one another: Vⱼ becomes leftⱼ Vⱼ rightⱼᵀ.
public struct GroupedKroneckerOperator: SymmetricOperator {
    /// The left factors, [groups, m, m].
    public let left: GroupedOperator
    /// The right factors, [groups, n, n].
    public let right: GroupedOperator

    /// Creates the products of the blocks of two operators of as many groups.
    public init(_ left: GroupedOperator, _ right: GroupedOperator) {
        guard left.blocks.shape[0] == right.blocks.shape[0] else {
            fatalError("GroupedKroneckerOperator: blocks of shapes \(left.blocks.shape) and \(right.blocks.shape)")
        }
        self.left = left
        self.right = right
    }

    /// The number of rows and columns.
    public var dimension: Int { groups * m * n }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor {
        GroupedKroneckerFactor.apply(left.blocks, right.blocks, to: x)
    }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { GroupedOperator(blocks: products).dense() }

    /// The products plus damping · I, exactly, as dense blocks.
    ///
    /// Factored damping, which is cheaper and what K-FAC uses by default, damps the factors instead.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try GroupedOperator(blocks: products).damped(by: damping)
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator {
        GroupedKroneckerOperator(GroupedOperator(blocks: left.blocks * scale), right)
    }

    /// The inverse.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedKroneckerOperator(
            GroupedOperator(blocks: try left.blocks.dampedInverse()),
            GroupedOperator(blocks: try right.blocks.dampedInverse()))
    }

    /// The real power.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        GroupedKroneckerOperator(try left.densePower(exponent), try right.densePower(exponent))
    }

    /// A matrix L with L Lᵀ = self.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        GroupedKroneckerFactor(left: try left.blocks.cholesky(), right: try right.blocks.cholesky())
    }

    /// The sum of the diagonal.
    public func trace() -> Double {
        (left.blocks.diagonal().sum(-1) * right.blocks.diagonal().sum(-1)).sum().scalar
    }

    /// The logarithm of the determinant.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        Double(n) * (try left.logDeterminant()) + Double(m) * (try right.logDeterminant())
    }

    private var groups: Int { left.blocks.shape[0] }
    private var m: Int { left.blocks.shape[1] }
    private var n: Int { right.blocks.shape[1] }

    private var products: Tensor {
        Tensor.einsum("gij,gkl->gikjl", left.blocks, right.blocks).reshaped([groups, m * n, m * n])
    }
}

extension GroupedKroneckerOperator {
    public static var kind: String { "groupedKronecker" }

    public var parts: [Tensor] { left.parts + right.parts }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        GroupedKroneckerOperator(
            GroupedOperator(blocks: change(left.blocks)), GroupedOperator(blocks: change(right.blocks)))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("left", left.blocks)
        snapshot.set("right", right.blocks)
    }
}

extension GroupedKroneckerOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> GroupedKroneckerOperator? {
        guard let left = reader.tensor("left", rank: 3), let right = reader.tensor("right", rank: 3) else { return nil }
        return reader.made(left.isSquare && right.isSquare && left.shape[0] == right.shape[0]) {
            GroupedKroneckerOperator(GroupedOperator(blocks: left), GroupedOperator(blocks: right))
        }
    }
}

/// The Cholesky factor of a ``GroupedKroneckerOperator``: a Kronecker product of lower-triangular matrices a group.
struct GroupedKroneckerFactor: InvertibleOperator {
    /// [groups, m, m], lower-triangular.
    let left: Tensor
    /// [groups, n, n], lower-triangular.
    let right: Tensor

    var rowCount: Int { left.shape[0] * left.shape[1] * right.shape[1] }
    var columnCount: Int { rowCount }

    func apply(_ x: Tensor) -> Tensor { Self.apply(left, right, to: x) }

    func applyTransposed(_ x: Tensor) -> Tensor { Self.apply(left.transposed(), right.transposed(), to: x) }

    func dense() -> Tensor { apply(Tensor.identity(rowCount, dtype: left.dtype, device: left.device)) }

    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        Self.apply(try Self.inverse(left), try Self.inverse(right), to: x)
    }

    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        Self.apply(try Self.inverse(left).transposed(), try Self.inverse(right).transposed(), to: x)
    }

    private static func inverse(_ lower: Tensor) throws(LinearAlgebraError) -> Tensor {
        let identity = Tensor.identity(lower.shape[1], dtype: lower.dtype, device: lower.device)
        return try lower.solveTriangular(Tensor.zeros(like: lower) + identity)
    }

    /// Multiplies each group's matrices, whose entries are a column of x, from both sides.
    static func apply(_ left: Tensor, _ right: Tensor, to x: Tensor) -> Tensor {
        let (groups, m, n, count) = (left.shape[0], left.shape[1], right.shape[1], x.shape[1])
        // [groups, 1, m, m] · [groups, count, m, n] · [groups, 1, n, n].
        let matrices = x.reshaped([groups, m, n, count]).permuted(0, 3, 1, 2)
        let product = left.expanded(at: 1).matmul(matrices).matmul(right.transposed().expanded(at: 1))
        return product.permuted(0, 2, 3, 1).reshaped([groups * m * n, count])
    }
}
