public import Torch

// The original's products with a matrix x, of `dimension` rows from the left, of `dimension` columns from the right.

extension RegisteredInverses {
    /// (C + damping · I) x, with the current average.
    public func leftMultiply(_ x: Tensor, damping: Double) -> Tensor {
        average.apply(checkedRows(x, "leftMultiply")) + x * damping
    }

    /// x (C + damping · I), with the current average.
    public func rightMultiply(_ x: Tensor, damping: Double) -> Tensor {
        fromRight(average.apply, checkedColumns(x, "rightMultiply")) + x * damping
    }

    /// The inverse for a registered damping times x.
    public func leftMultiplyInverse(_ x: Tensor, damping: Double) throws(FactorError) -> Tensor {
        try inverseOperator(damping: damping).apply(checkedRows(x, "leftMultiplyInverse"))
    }

    /// x times the inverse for a registered damping.
    public func rightMultiplyInverse(_ x: Tensor, damping: Double) throws(FactorError) -> Tensor {
        fromRight(try inverseOperator(damping: damping).apply, checkedColumns(x, "rightMultiplyInverse"))
    }

    /// A registered power, or the power 1 of the current average, times x.
    public func leftMultiply(_ x: Tensor, power exponent: Double, damping: Double) throws(FactorError) -> Tensor {
        try powerOperator(exponent, damping: damping).apply(checkedRows(x, "leftMultiply(power:)"))
    }

    /// x times a registered power, or the power 1 of the current average.
    public func rightMultiply(_ x: Tensor, power exponent: Double, damping: Double) throws(FactorError) -> Tensor {
        fromRight(try powerOperator(exponent, damping: damping).apply, checkedColumns(x, "rightMultiply(power:)"))
    }

    /// The Cholesky factor L for a registered damping, or Lᵀ, times x.
    public func leftMultiplyCholesky(
        _ x: Tensor, damping: Double, transposed: Bool = false
    ) throws(FactorError) -> Tensor {
        product(try choleskyOperator(damping: damping), checkedRows(x, "leftMultiplyCholesky"), transposed)
    }

    /// x times the Cholesky factor L for a registered damping, or times Lᵀ.
    public func rightMultiplyCholesky(
        _ x: Tensor, damping: Double, transposed: Bool = false
    ) throws(FactorError) -> Tensor {
        let factor = try choleskyOperator(damping: damping)
        return fromRight({ product(factor, $0, !transposed) }, checkedColumns(x, "rightMultiplyCholesky"))
    }

    /// The inverse of the Cholesky factor, L⁻¹, for a registered damping, or L⁻ᵀ, times x.
    public func leftMultiplyInverseCholesky(
        _ x: Tensor, damping: Double, transposed: Bool = false
    ) throws(FactorError) -> Tensor {
        product(
            try inverseCholeskyOperator(damping: damping), checkedRows(x, "leftMultiplyInverseCholesky"), transposed)
    }

    /// x times the inverse of the Cholesky factor, L⁻¹, for a registered damping, or times L⁻ᵀ.
    public func rightMultiplyInverseCholesky(
        _ x: Tensor, damping: Double, transposed: Bool = false
    ) throws(FactorError) -> Tensor {
        let factor = try inverseCholeskyOperator(damping: damping)
        return fromRight({ product(factor, $0, !transposed) }, checkedColumns(x, "rightMultiplyInverseCholesky"))
    }
}

// Row-sparse matrices: the product from the right has the same rows.
extension RegisteredInverses {
    /// x (C + damping · I) for a row-sparse x, with the current average.
    public func rightMultiply(_ x: RowSparse, damping: Double) -> RowSparse {
        x.replacingValues(rightMultiply(x.values, damping: damping))
    }

    /// A row-sparse x times the inverse for a registered damping.
    public func rightMultiplyInverse(_ x: RowSparse, damping: Double) throws(FactorError) -> RowSparse {
        x.replacingValues(try rightMultiplyInverse(x.values, damping: damping))
    }

    /// A row-sparse x times a registered power, or the power 1 of the current average.
    public func rightMultiply(
        _ x: RowSparse, power exponent: Double, damping: Double
    ) throws(FactorError) -> RowSparse {
        x.replacingValues(try rightMultiply(x.values, power: exponent, damping: damping))
    }
}

extension RegisteredInverses {
    private func checkedRows(_ x: Tensor, _ operation: String) -> Tensor {
        guard x.rank == 2, x.shape[0] == dimension else {
            fatalError("\(type(of: self)).\(operation): x has the shape \(x.shape), [\(dimension), columns] is needed")
        }
        return x
    }

    private func checkedColumns(_ x: Tensor, _ operation: String) -> Tensor {
        guard x.rank == 2, x.shape[1] == dimension else {
            fatalError("\(type(of: self)).\(operation): x has the shape \(x.shape), [rows, \(dimension)] is needed")
        }
        return x
    }

    private func product(_ matrix: any LinearOperator, _ x: Tensor, _ transposed: Bool) -> Tensor {
        transposed ? matrix.applyTransposed(x) : matrix.apply(x)
    }

    /// x M, by the product with Mᵀ from the left.
    private func fromRight(_ transposedProduct: (Tensor) -> Tensor, _ x: Tensor) -> Tensor {
        transposedProduct(x.transposed()).transposed()
    }
}
