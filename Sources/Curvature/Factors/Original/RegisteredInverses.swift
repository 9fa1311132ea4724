import Torch

/// The original's interface to a factor's inverses, which training does not use.
///
/// Inverses, powers and Cholesky factors of average + damping · I are registered, computed by ``updateInverses()`` and
/// read as often as wanted. A factor whose matrix is expensive to invert (``InverseProvidingFactor``) keeps them, stale
/// until the next update; one whose structure makes that cheap keeps nothing and gives those of the current average.
///
/// All factors of this module have it, so that programs written for `tf.contrib.kfac` find their methods again.
public protocol RegisteredInverses: FisherFactor {
    /// Asks for (C + damping · I)⁻¹ to be kept by ``updateInverses()``; again for the same damping does nothing.
    func registerDampedInverse(_ damping: Double)

    /// Asks for (C + damping · I)^exponent to be kept by ``updateInverses()``; again for the same does nothing.
    ///
    /// The power 1 is never kept: it is always that of the current average.
    func registerMatrixPower(_ exponent: Double, damping: Double)

    /// Asks for the lower-triangular L with L Lᵀ = C + damping · I to be kept by ``updateInverses()``.
    func registerCholeskyFactor(damping: Double)

    /// Asks for the inverse of the Cholesky factor to be kept by ``updateInverses()``.
    func registerInverseCholeskyFactor(damping: Double)

    /// Computes all that is registered from the current average.
    func updateInverses() throws(FactorError)

    /// The inverse for a registered damping.
    func inverseOperator(damping: Double) throws(FactorError) -> any SymmetricOperator

    /// The registered power.
    func powerOperator(_ exponent: Double, damping: Double) throws(FactorError) -> any SymmetricOperator

    /// The Cholesky factor for a registered damping.
    func choleskyOperator(damping: Double) throws(FactorError) -> any LinearOperator

    /// The inverse of the Cholesky factor for a registered damping.
    func inverseCholeskyOperator(damping: Double) throws(FactorError) -> any LinearOperator
}

// Factors of cheap structure: nothing is kept, everything is of the current average.
extension RegisteredInverses {
    /// Does nothing: the inverse is that of the current average.
    public func registerDampedInverse(_ damping: Double) {}

    /// Does nothing: the power is that of the current average.
    public func registerMatrixPower(_ exponent: Double, damping: Double) {}

    /// Does nothing: the factor is that of the current average.
    public func registerCholeskyFactor(damping: Double) {}

    /// Does nothing: the inverse factor is that of the current average.
    public func registerInverseCholeskyFactor(damping: Double) {}

    /// Does nothing: nothing is kept.
    public func updateInverses() throws(FactorError) {}

    /// The inverse of the current average, damped.
    public func inverseOperator(damping: Double) throws(FactorError) -> any SymmetricOperator {
        try derived { () throws(LinearAlgebraError) in try average.damped(by: damping).inverse() }
    }

    /// The power of the current average, damped.
    public func powerOperator(_ exponent: Double, damping: Double) throws(FactorError) -> any SymmetricOperator {
        try derived { () throws(LinearAlgebraError) in
            let damped = try average.damped(by: damping)
            return exponent == 1 ? damped : try damped.power(exponent)
        }
    }

    /// The Cholesky factor of the current average, damped.
    public func choleskyOperator(damping: Double) throws(FactorError) -> any LinearOperator {
        try derived { () throws(LinearAlgebraError) in try average.damped(by: damping).choleskyFactor() }
    }

    /// The inverse of the Cholesky factor of the current average, damped.
    public func inverseCholeskyOperator(damping: Double) throws(FactorError) -> any LinearOperator {
        try derived { () throws(LinearAlgebraError) in
            let factor = try average.damped(by: damping).choleskyFactor()
            let dense = factor.dense()
            let identity = Tensor.identity(dimension, dtype: dense.dtype, device: dense.device)
            return TriangularOperator(lower: try factor.solve(identity))
        }
    }
}
