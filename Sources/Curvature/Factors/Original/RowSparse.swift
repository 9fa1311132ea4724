public import Torch

/// A matrix of which only some rows are stored, as the gradient of an embedding is; repeated rows add up.
///
/// Products from the right act on the stored rows alone. Products from the left would mix all rows and do not exist.
public struct RowSparse: Sendable {
    /// The stored rows, [stored, columns].
    public let values: Tensor
    /// Which rows they are, integers of shape [stored].
    public let indices: Tensor
    /// The number of rows of the whole matrix.
    public let rowCount: Int

    /// Creates a matrix from stored rows.
    public init(values: Tensor, indices: Tensor, rowCount: Int) {
        guard values.rank == 2, indices.shape == [values.shape[0]] else {
            fatalError("RowSparse: values of shape \(values.shape) with indices of shape \(indices.shape)")
        }
        self.values = values
        self.indices = indices
        self.rowCount = rowCount
    }

    /// The extents of the whole matrix.
    public var shape: [Int] { [rowCount, values.shape[1]] }

    /// The whole matrix.
    public func dense() -> Tensor {
        Tensor.zeros(shape, dtype: values.dtype, device: values.device).adding(values, at: indices)
    }

    func replacingValues(_ values: Tensor) -> RowSparse {
        RowSparse(values: values, indices: indices, rowCount: rowCount)
    }
}
