import CTorch

// Dense linear algebra on square matrices, or on each matrix in the last two axes. Shapes that do not fit trap;
// numbers that fail (singular, not positive-definite, not converged) throw. Infinite and NaN elements throw in
// `cholesky`, `symmetricEigen` and `singularValues`; elsewhere they may also pass on to the result.
extension Tensor {
    /// The lower-triangular L with L Lᵀ = self, for a symmetric positive-definite matrix; n³/3 flops.
    ///
    /// Reads the lower triangle only.
    public func cholesky() throws(LinearAlgebraError) -> Tensor {
        let factor = try factorized("cholesky", ct_cholesky)
        try requireFinite(factor.diagonal(), "cholesky")
        return factor
    }

    /// The inverse of L Lᵀ where self is the lower-triangular L; 2n³/3 flops.
    public func choleskyInverse() throws(LinearAlgebraError) -> Tensor {
        try factorized("choleskyInverse", ct_cholesky_inverse)
    }

    /// (self + damping · I)⁻¹ for a symmetric positive-definite matrix; n³ flops, close to the speed of products on a
    /// CPU.
    ///
    /// By Cholesky's factor L and L⁻¹: as stable as LAPACK's inverse of such matrices, and quicker.
    public func dampedInverse(_ damping: Double = 0) throws(LinearAlgebraError) -> Tensor {
        guard rank >= 2, rank <= 3, shape[rank - 1] == shape[rank - 2], dtype.isFullPrecision else {
            Tensor.trap(
                "dampedInverse", [self], "a square matrix, or some of one size, of float32 or float64 are needed")
        }
        if LineProducts.canRun(on: device) {
            return try factorized("dampedInverse") { ct_damped_inverse($0, damping, $1) }
        }
        return try dampedCholesky(damping).choleskyInverse()
    }

    /// The lower-triangular L with L Lᵀ = self + damping · I, for a symmetric positive-definite matrix; n³/3 flops.
    public func dampedCholesky(_ damping: Double) throws(LinearAlgebraError) -> Tensor {
        if rank == 2, shape[0] == shape[1], dtype.isFullPrecision, LineProducts.canRun(on: device) {
            return try factorized("dampedCholesky") { ct_damped_cholesky($0, damping, $1) }
        }
        let damped = damping == 0 ? self : copy()
        if damping != 0 { damped.diagonal().add(inPlace: damping) }
        return try damped.cholesky()
    }

    /// The X with L Lᵀ X = `right`, where self is the lower-triangular L; 2n² flops for each column.
    public func choleskySolve(_ right: Tensor) throws(LinearAlgebraError) -> Tensor {
        try solved("choleskySolve", right) { ct_cholesky_solve($1, $0, $2) }
    }

    /// The X with self · X = `right`, for a general matrix.
    public func solve(_ right: Tensor) throws(LinearAlgebraError) -> Tensor { try solved("solve", right, ct_solve) }

    /// The X with self · X = `right`, for a triangular matrix.
    public func solveTriangular(_ right: Tensor, upper: Bool = false) throws(LinearAlgebraError) -> Tensor {
        try solved("solveTriangular", right) { ct_solve_triangular($0, $1, upper, $2) }
    }

    /// The inverse of a general matrix.
    public func inverse() throws(LinearAlgebraError) -> Tensor { try factorized("inverse", ct_inverse) }

    /// The eigenvalues of a symmetric matrix, ascending, and its eigenvectors, as columns.
    ///
    /// Reads the lower triangle only.
    public func symmetricEigen() throws(LinearAlgebraError) -> (values: Tensor, vectors: Tensor) {
        let (values, vectors) = try factorizedInTwo("symmetricEigen", ct_eigh)
        try requireFinite(values, "symmetricEigen")
        return (values, vectors)
    }

    /// The Q with orthonormal columns and upper-triangular R with Q R = self.
    public func qr() throws(LinearAlgebraError) -> (orthogonal: Tensor, triangular: Tensor) {
        let (orthogonal, triangular) = try factorizedInTwo("qr", ct_qr)
        return (orthogonal, triangular)
    }

    /// U, s (descending) and Vᵀ with U diag(s) Vᵀ = self, in the reduced form.
    public func singularValues() throws(LinearAlgebraError) -> (left: Tensor, values: Tensor, rightTransposed: Tensor) {
        var left: OpaquePointer?
        var values: OpaquePointer?
        var right: OpaquePointer?
        try Tensor.attempt("singularValues", [self]) { ct_svd(handle.pointer, &left, &values, &right) }
        let result = (Tensor(owning: left!), Tensor(owning: values!), Tensor(owning: right!))
        try requireFinite(result.1, "singularValues")
        return result
    }

    /// Throws if libtorch passed on infinite or NaN elements of this matrix, as some of its routines do.
    private func requireFinite(_ result: Tensor, _ operation: String) throws(LinearAlgebraError) {
        guard result.isFinite().all() else {
            throw LinearAlgebraError(
                operation: operation, shape: shape, reason: "the matrix has elements that are not finite")
        }
    }

    private func factorized(
        _ operation: StaticString, _ function: (OpaquePointer?, Output?) -> ct_status
    ) throws(LinearAlgebraError) -> Tensor {
        var output: OpaquePointer?
        try Tensor.attempt(operation, [self]) { function(handle.pointer, &output) }
        return Tensor(owning: output!)
    }

    private func factorizedInTwo(
        _ operation: StaticString, _ function: (OpaquePointer?, Output?, Output?) -> ct_status
    ) throws(LinearAlgebraError) -> (Tensor, Tensor) {
        var first: OpaquePointer?
        var second: OpaquePointer?
        try Tensor.attempt(operation, [self]) { function(handle.pointer, &first, &second) }
        return (Tensor(owning: first!), Tensor(owning: second!))
    }

    private func solved(
        _ operation: StaticString, _ right: Tensor, _ function: (OpaquePointer?, OpaquePointer?, Output?) -> ct_status
    ) throws(LinearAlgebraError) -> Tensor {
        var output: OpaquePointer?
        try Tensor.attempt(operation, [self, right]) { function(handle.pointer, right.handle.pointer, &output) }
        return Tensor(owning: output!)
    }
}
