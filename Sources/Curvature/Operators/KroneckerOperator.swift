public import Torch

/// A Kronecker product left ⊗ right, acting on the row-major entries of matrices V: (left ⊗ right) V = left V rightᵀ.
public struct KroneckerOperator: SymmetricOperator {
    /// Acts on the columns of V.
    public let left: any SymmetricOperator
    /// Acts on the rows of V.
    public let right: any SymmetricOperator

    /// Creates the product of two operators.
    public init(_ left: any SymmetricOperator, _ right: any SymmetricOperator) {
        self.left = left
        self.right = right
    }

    public var dimension: Int { left.dimension * right.dimension }

    public func apply(_ x: Tensor) -> Tensor { kroneckerApply(x, left: left.apply, right: right.apply, from: shape) }

    public func dense() -> Tensor { kroneckerProduct(left.dense(), right.dense()) }

    /// The product plus damping · I, exactly: in the factors' eigenbases.
    ///
    /// Factored damping, which is cheaper and what K-FAC uses by default, damps the factors instead.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try KroneckerEigenOperator(diagonalizing: self).damped(by: damping)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        left.dimension <= right.dimension
            ? KroneckerOperator(left.scaled(by: scale), right) : KroneckerOperator(left, right.scaled(by: scale))
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        KroneckerOperator(try left.inverse(), try right.inverse())
    }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        KroneckerOperator(try left.power(exponent), try right.power(exponent))
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        KroneckerFactor(left: try left.choleskyFactor(), right: try right.choleskyFactor())
    }

    public func trace() -> Double { left.trace() * right.trace() }

    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        Double(right.dimension) * (try left.logDeterminant()) + Double(left.dimension) * (try right.logDeterminant())
    }

    private var shape: (Int, Int) { (left.dimension, right.dimension) }
}

extension KroneckerOperator {
    public static var kind: String { "kronecker" }

    public var parts: [Tensor] { left.parts + right.parts }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        KroneckerOperator(left.mapping(change), right.mapping(change))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("left", left)
        snapshot.set("right", right)
    }
}

extension KroneckerOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> KroneckerOperator? {
        guard let left = reader.operation("left"), let right = reader.operation("right") else { return nil }
        return KroneckerOperator(left, right)
    }
}

/// A Kronecker product of matrices that can be applied backwards: a factor of a ``KroneckerOperator``.
struct KroneckerFactor: InvertibleOperator {
    let left: any InvertibleOperator
    let right: any InvertibleOperator

    var rowCount: Int { left.rowCount * right.rowCount }
    var columnCount: Int { left.columnCount * right.columnCount }

    func apply(_ x: Tensor) -> Tensor {
        kroneckerApply(x, left: left.apply, right: right.apply, from: (left.columnCount, right.columnCount))
    }

    func applyTransposed(_ x: Tensor) -> Tensor {
        kroneckerApply(
            x, left: left.applyTransposed, right: right.applyTransposed, from: (left.rowCount, right.rowCount))
    }

    func dense() -> Tensor { kroneckerProduct(left.dense(), right.dense()) }

    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try kroneckerApply(x, left: left.solve, right: right.solve, from: (left.rowCount, right.rowCount))
    }

    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try kroneckerApply(
            x, left: left.solveTransposed, right: right.solveTransposed, from: (left.columnCount, right.columnCount))
    }
}

/// Applies `left` to the columns and `right` to the rows of each matrix whose entries are a column of x.
func kroneckerApply<Failure: Error>(
    _ x: Tensor, left: (Tensor) throws(Failure) -> Tensor, right: (Tensor) throws(Failure) -> Tensor,
    from shape: (rows: Int, columns: Int)
) throws(Failure) -> Tensor {
    let count = x.shape[1]
    let (m, n) = shape
    let byRows = try right(x.reshaped([m, n, count]).permuted(1, 0, 2).reshaped([n, m * count]))
    let outColumns = byRows.shape[0]
    let byColumns = try left(
        byRows.reshaped([outColumns, m, count]).permuted(1, 0, 2).reshaped([m, outColumns * count]))
    return byColumns.reshaped([byColumns.shape[0] * outColumns, count])
}

/// The entries of a Kronecker product.
func kroneckerProduct(_ a: Tensor, _ b: Tensor) -> Tensor {
    Tensor.einsum("ij,kl->ikjl", a, b).reshaped([a.shape[0] * b.shape[0], a.shape[1] * b.shape[1]])
}
