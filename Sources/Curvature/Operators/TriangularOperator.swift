public import Torch

/// A lower-triangular matrix.
public struct TriangularOperator: InvertibleOperator {
    /// The entries, [n, n], zeros above the diagonal.
    public let lower: Tensor

    /// Creates an operator from a lower-triangular matrix.
    public init(lower: Tensor) {
        lower.requireSquare("TriangularOperator")
        self.lower = lower
    }

    public var rowCount: Int { lower.shape[0] }
    public var columnCount: Int { lower.shape[0] }

    public func apply(_ x: Tensor) -> Tensor { lower.matmul(x) }
    public func applyTransposed(_ x: Tensor) -> Tensor { lower.transposed().matmul(x) }
    public func dense() -> Tensor { lower }

    public func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor { try lower.solveTriangular(x) }

    public func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try lower.transposed().solveTriangular(x, upper: true)
    }
}
