public import Torch

/// A square matrix that can be applied backwards.
///
/// To draw from N(0, F⁻¹), apply the transposed inverse of F's ``SymmetricOperator/choleskyFactor()`` to white noise.
public protocol InvertibleOperator: LinearOperator {
    /// The solution y of self · y = x, for each vector.
    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor

    /// The solution y of selfᵀ · y = x, for each vector.
    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor
}
