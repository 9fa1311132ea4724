public import Torch

/// A matrix known by its structure, as a map of vectors.
///
/// Vectors are the columns of a tensor [columns of the matrix, count].
public protocol LinearOperator: Sendable {
    /// The number of rows.
    var rowCount: Int { get }
    /// The number of columns.
    var columnCount: Int { get }

    /// The matrix times each vector: [columnCount, count] to [rowCount, count].
    func apply(_ x: Tensor) -> Tensor

    /// The transposed matrix times each vector: [rowCount, count] to [columnCount, count].
    func applyTransposed(_ x: Tensor) -> Tensor

    /// The entries, [rowCount, columnCount]; for tests and small matrices.
    func dense() -> Tensor
}
