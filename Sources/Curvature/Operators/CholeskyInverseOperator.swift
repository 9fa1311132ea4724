import Foundation
public import Torch

/// scale · (L Lᵀ)⁻¹, applied by solving with L: for an inverse that is used for few vectors.
///
/// Making it takes a third of the inverse's flops; each product takes as many as with the inverse, but solving runs
/// slower than multiplying.
public struct CholeskyInverseOperator: SymmetricOperator {
    /// L, [dimension, dimension], zeros above the diagonal.
    public let lower: Tensor
    /// The factor of the inverse, positive.
    public let scale: Double

    /// Creates the inverse from a Cholesky factor, whose memory must not be written any more.
    public init(lower: Tensor, scale: Double = 1) {
        lower.requireSquare("CholeskyInverseOperator")
        self.lower = lower
        self.scale = scale
    }

    public var dimension: Int { lower.shape[0] }

    public func apply(_ x: Tensor) -> Tensor {
        do {
            let solution = try lower.choleskySolve(x)
            return scale == 1 ? solution : solution * scale
        } catch {
            fatalError("CholeskyInverseOperator.apply: \(error)")
        }
    }

    public func dense() -> Tensor { apply(.identity(dimension, dtype: lower.dtype, device: lower.device)) }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try DenseOperator(dense()).damped(by: damping)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        CholeskyInverseOperator(lower: lower, scale: self.scale * scale)
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        DenseOperator(lower.matmul(lower.transposed()) * (1 / scale))
    }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try DenseOperator(dense()).power(exponent)
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        try DenseOperator(dense()).choleskyFactor()
    }

    public func trace() -> Double { dense().trace().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        Double(dimension) * log(scale) - 2 * lower.diagonal().log().sum().scalar
    }
}

extension CholeskyInverseOperator {
    public static var kind: String { "cholesky" }

    public var parts: [Tensor] { [lower] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        CholeskyInverseOperator(lower: change(lower), scale: scale)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("lower", lower)
        snapshot.set("scale", scale)
    }
}

extension CholeskyInverseOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> CholeskyInverseOperator? {
        guard let lower = reader.tensor("lower", rank: 2), let scale = reader.number("scale") else { return nil }
        return reader.made(lower.isSquare) { CholeskyInverseOperator(lower: lower, scale: scale) }
    }
}
