public import Torch

/// A Kronecker product with an identity matrix: base ⊗ I, which acts alike on each of `count` interleaved vectors.
///
/// Unlike a general ``KroneckerOperator`` it stays of this form when damped, and the identity costs nothing.
public struct RepeatedOperator: SymmetricOperator {
    /// The operator that acts on each of the vectors.
    public let base: any SymmetricOperator
    /// The dimension of the identity matrix.
    public let count: Int

    /// Creates the product of an operator and the identity matrix of `count` rows.
    public init(_ base: any SymmetricOperator, count: Int) {
        guard count >= 0, !base.dimension.multipliedReportingOverflow(by: count).overflow else {
            fatalError("RepeatedOperator: \(count) repetitions of an operator of dimension \(base.dimension)")
        }
        self.base = base
        self.count = count
    }

    /// The number of rows and columns.
    public var dimension: Int { base.dimension * count }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor { interleaved(x, count: count, base.apply) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { repeatedDense(base.dense(), count: count) }

    /// The matrix plus damping · I.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        RepeatedOperator(try base.damped(by: damping), count: count)
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator {
        RepeatedOperator(base.scaled(by: scale), count: count)
    }

    /// The inverse.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        RepeatedOperator(try base.inverse(), count: count)
    }

    /// The real power.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        RepeatedOperator(try base.power(exponent), count: count)
    }

    /// A matrix L with L Lᵀ = self.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        RepeatedFactor(base: try base.choleskyFactor(), count: count)
    }

    /// The sum of the diagonal.
    public func trace() -> Double { Double(count) * base.trace() }

    /// The logarithm of the determinant.
    public func logDeterminant() throws(LinearAlgebraError) -> Double { Double(count) * (try base.logDeterminant()) }
}

extension RepeatedOperator {
    public static var kind: String { "repeated" }

    public var parts: [Tensor] { base.parts }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        RepeatedOperator(base.mapping(change), count: count)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("base", base)
        snapshot.set("count", count)
    }
}

extension RepeatedOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> RepeatedOperator? {
        guard let base = reader.operation("base"), let count = reader.integer("count") else { return nil }
        return reader.made(count > 0 && count < 1 << 31) { RepeatedOperator(base, count: count) }
    }
}

/// A Kronecker product of a matrix that can be applied backwards with an identity matrix.
struct RepeatedFactor: InvertibleOperator {
    let base: any InvertibleOperator
    let count: Int

    var rowCount: Int { base.rowCount * count }
    var columnCount: Int { base.columnCount * count }

    func apply(_ x: Tensor) -> Tensor { interleaved(x, count: count, base.apply) }

    func applyTransposed(_ x: Tensor) -> Tensor { interleaved(x, count: count, base.applyTransposed) }

    func dense() -> Tensor { repeatedDense(base.dense(), count: count) }

    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor { try interleaved(x, count: count, base.solve) }

    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try interleaved(x, count: count, base.solveTransposed)
    }
}

/// Applies `body` to each of `count` vectors whose elements take turns in the columns of x.
private func interleaved<Failure: Error>(
    _ x: Tensor, count: Int, _ body: (Tensor) throws(Failure) -> Tensor
) throws(Failure) -> Tensor {
    try body(x.reshaped([x.shape[0] / count, -1])).reshaped([-1, x.shape[1]])
}

/// The entries of matrix ⊗ I.
private func repeatedDense(_ matrix: Tensor, count: Int) -> Tensor {
    kroneckerProduct(matrix, Tensor.identity(count, dtype: matrix.dtype, device: matrix.device))
}
