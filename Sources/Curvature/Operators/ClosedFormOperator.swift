import Torch

/// An operator of which products are known in closed form; everything else comes from its entries.
protocol ClosedFormOperator: SymmetricOperator {
    /// An element type and a device like the operator's.
    var prototype: Tensor { get }
}

extension ClosedFormOperator {
    func dense() -> Tensor { apply(Tensor.identity(dimension, dtype: prototype.dtype, device: prototype.device)) }

    func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try symmetricDense.damped(by: damping)
    }

    func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try symmetricDense.inverse() }

    func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try symmetricDense.power(exponent)
    }

    func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator { try symmetricDense.choleskyFactor() }

    func trace() -> Double { dense().trace().scalar }

    func logDeterminant() throws(LinearAlgebraError) -> Double { try symmetricDense.logDeterminant() }

    private var symmetricDense: DenseOperator {
        let matrix = dense()
        return DenseOperator((matrix + matrix.transposed()) / 2)
    }
}
