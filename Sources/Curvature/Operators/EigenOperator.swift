public import Torch

/// A symmetric matrix in its eigenbasis: V diag(w) Vᵀ.
///
/// One eigendecomposition (about 9n³ flops) serves any number of dampings and powers.
public struct EigenOperator: SymmetricOperator {
    /// The eigenvalues, [n].
    public let values: Tensor
    /// The eigenvectors, as columns, [n, n].
    public let vectors: Tensor

    /// Creates an operator from eigenvalues and orthonormal eigenvectors.
    public init(values: Tensor, vectors: Tensor) {
        guard values.rank == 1, vectors.shape == [values.count, values.count] else {
            fatalError(
                "EigenOperator: eigenvalues of shape \(values.shape) and eigenvectors of shape \(vectors.shape); [n] and [n, n] "
                    + "are needed")
        }
        self.values = values
        self.vectors = vectors
    }

    /// Diagonalises a matrix.
    ///
    /// - Parameter floor: Eigenvalues are raised to at least this.
    public init(diagonalizing matrix: DenseOperator, floor: Double = 0) throws(LinearAlgebraError) {
        let (values, vectors) = try matrix.matrix.symmetricEigen()
        self.init(values: values.clamped(atLeast: floor), vectors: vectors)
    }

    public var dimension: Int { values.count }

    public func apply(_ x: Tensor) -> Tensor {
        vectors.matmul(vectors.transposed().matmul(x) * values.expanded(at: 1))
    }

    public func dense() -> Tensor { (vectors * values).matmul(vectors.transposed()) }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        EigenOperator(values: values + damping, vectors: vectors)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        EigenOperator(values: values * scale, vectors: vectors)
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        EigenOperator(values: try values.checkedPower(exponent), vectors: vectors)
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try dense().cholesky())
    }

    public func trace() -> Double { values.sum().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double { values.log().sum().scalar }
}

extension EigenOperator {
    public static var kind: String { "eigen" }

    public var parts: [Tensor] { [values, vectors] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        EigenOperator(values: change(values), vectors: change(vectors))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("values", values)
        snapshot.set("vectors", vectors)
    }
}

extension EigenOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> EigenOperator? {
        guard let values = reader.tensor("values", rank: 1), let vectors = reader.tensor("vectors", rank: 2) else {
            return nil
        }
        return reader.made(vectors.shape == [values.count, values.count]) {
            EigenOperator(values: values, vectors: vectors)
        }
    }
}

extension Tensor {
    /// Each element's power; an error where an element that is not positive would be divided by.
    func checkedPower(_ exponent: Double) throws(LinearAlgebraError) -> Tensor {
        guard exponent >= 0 || !(self .<= 0).any() else {
            throw LinearAlgebraError(
                operation: "power \(exponent)", shape: [count, count],
                reason: "the least eigenvalue, \(min().scalar), is not positive")
        }
        return clamped(atLeast: 0).pow(exponent)
    }
}
