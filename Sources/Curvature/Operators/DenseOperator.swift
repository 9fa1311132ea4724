public import Torch

/// A symmetric matrix with all its entries.
public struct DenseOperator: SymmetricOperator {
    /// The entries, [dimension, dimension].
    public let matrix: Tensor

    /// Creates an operator from a symmetric matrix, whose memory must not be written any more.
    public init(_ matrix: Tensor) {
        matrix.requireSquare("DenseOperator")
        self.matrix = matrix
    }

    public var dimension: Int { matrix.shape[0] }

    public func apply(_ x: Tensor) -> Tensor { matrix.matmul(x) }

    public func dense() -> Tensor { matrix }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let damped = matrix.copy()
        damped.diagonal().add(inPlace: damping)
        return DenseOperator(damped)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator { DenseOperator(matrix * scale) }

    /// The inverse, by Cholesky: about n³ flops.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        DenseOperator(try matrix.dampedInverse())
    }

    /// The inverse of the matrix plus damping · I, by Cholesky: about n³ flops.
    public func dampedInverse(_ damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        DenseOperator(try matrix.dampedInverse(damping))
    }

    /// The inverse of the damped matrix: with its entries, or for few vectors by its Cholesky factor, n³/3 flops.
    public func dampedInverse(
        _ damping: Double, vectorCount: Int
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        guard vectorCount <= dimension else { return try dampedInverse(damping) }
        return CholeskyInverseOperator(lower: try matrix.dampedCholesky(damping))
    }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try EigenOperator(diagonalizing: self).power(exponent)
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try matrix.cholesky())
    }

    public func trace() -> Double { matrix.trace().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        2 * (try matrix.cholesky()).diagonal().log().sum().scalar
    }
}

extension DenseOperator {
    public static var kind: String { "dense" }

    public var parts: [Tensor] { [matrix] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        DenseOperator(change(matrix))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("matrix", matrix)
    }

    public func eigenvalueBound() -> Double { matrix.abs().sum(1).max().scalar }
}

extension DenseOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> DenseOperator? {
        guard let matrix = reader.tensor("matrix", rank: 2) else { return nil }
        return reader.made(matrix.isSquare) { DenseOperator(matrix) }
    }
}
