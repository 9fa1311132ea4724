public import Torch

/// A matrix that is diagonal in a Kronecker product of orthonormal bases: (Q ⊗ P) diag(S) (Q ⊗ P)ᵀ.
///
/// Exact damping of a Kronecker product has this form, with S = w vᵀ + damping (Martens & Grosse 2015, section 6.3,
/// which then approximates it); so has the eigenvalue-corrected curvature, with S estimated by itself (George et al.
/// 2018).
public struct KroneckerEigenOperator: SymmetricOperator {
    /// Q, the basis on the left, of m vectors.
    public let left: Eigenbasis
    /// P, the basis on the right, of n vectors.
    public let right: Eigenbasis
    /// S, the eigenvalues, [m, n].
    public let values: Tensor

    /// Creates an operator from two bases and the eigenvalues in their product.
    public init(left: Eigenbasis, right: Eigenbasis, values: Tensor) {
        guard values.shape == [left.columnCount, right.columnCount] else {
            fatalError(
                "KroneckerEigenOperator: eigenvalues \(values.shape) for bases of \(left.columnCount) and "
                    + "\(right.columnCount) vectors")
        }
        self.left = left
        self.right = right
        self.values = values
    }

    /// Creates an operator from two bases, [m, m] and [n, n], and the eigenvalues in their product.
    public init(left: Tensor, right: Tensor, values: Tensor) {
        self.init(left: .dense(left), right: .dense(right), values: values)
    }

    /// Diagonalises a Kronecker product, one factor at a time, each in its own structure.
    public init(diagonalizing product: KroneckerOperator) throws(LinearAlgebraError) {
        let left = try product.left.eigendecomposition()
        let right = try product.right.eigendecomposition()
        self.init(
            left: left.basis, right: right.basis, values: left.values.expanded(at: 1) * right.values.expanded(at: 0))
    }

    public var dimension: Int { values.count }

    public func apply(_ x: Tensor) -> Tensor {
        let shape = (values.shape[0], values.shape[1])
        let inBasis = kroneckerApply(x, left: left.applyTransposed, right: right.applyTransposed, from: shape)
        return kroneckerApply(inBasis * values.reshaped([-1, 1]), left: left.apply, right: right.apply, from: shape)
    }

    public func dense() -> Tensor {
        let basis = kroneckerProduct(left.dense(), right.dense())
        return (basis * values.flattened()).matmul(basis.transposed())
    }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        KroneckerEigenOperator(left: left, right: right, values: values + damping)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        KroneckerEigenOperator(left: left, right: right, values: values * scale)
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        KroneckerEigenOperator(left: left, right: right, values: try values.checkedPower(exponent))
    }

    /// The lower-triangular factor, of the dense matrix.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try dense().cholesky())
    }

    public func trace() -> Double { values.sum().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double { values.log().sum().scalar }
}

extension KroneckerEigenOperator {
    public static var kind: String { "kroneckerEigen" }

    public var parts: [Tensor] { left.parts + right.parts + [values] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        KroneckerEigenOperator(left: left.mapping(change), right: right.mapping(change), values: change(values))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("left", basis: left)
        snapshot.set("right", basis: right)
        snapshot.set("values", values)
    }
}

extension KroneckerEigenOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> KroneckerEigenOperator? {
        guard let left = reader.basis("left"), let right = reader.basis("right"),
            let values = reader.tensor("values", rank: 2)
        else { return nil }
        return reader.made(values.shape == [left.columnCount, right.columnCount]) {
            KroneckerEigenOperator(left: left, right: right, values: values)
        }
    }
}
