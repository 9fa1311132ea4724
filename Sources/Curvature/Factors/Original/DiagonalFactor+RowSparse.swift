import Torch

// The original's products with row-sparse matrices: a diagonal matrix keeps their rows from the left, too.
extension DiagonalFactor {
    /// (C + damping · I) x for a row-sparse x: the same rows are stored in the result.
    public func leftMultiply(_ x: RowSparse, damping: Double) -> RowSparse {
        x.replacingValues(x.values * (diagonal.gathered(x.indices) + damping).expanded(at: 1))
    }

    /// (C + damping · I)⁻¹ times a row-sparse x: the same rows are stored in the result.
    public func leftMultiplyInverse(_ x: RowSparse, damping: Double) throws(FactorError) -> RowSparse {
        let inverse = try derived { () throws(LinearAlgebraError) in
            try (diagonal.gathered(x.indices) + damping).checkedPower(-1)
        }
        return x.replacingValues(x.values * inverse.expanded(at: 1))
    }
}
