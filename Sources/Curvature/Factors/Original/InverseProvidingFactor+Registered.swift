public import Torch

// The original's interface: registration and reading.
extension InverseProvidingFactor {
    /// Asks for (C + damping · I)⁻¹ to be kept by ``updateInverses()``; again for the same damping does nothing.
    public func registerDampedInverse(_ damping: Double) { register(.inverse(damping: damping)) }

    /// Asks for (C + damping · I)^exponent to be kept by ``updateInverses()``; again for the same does nothing.
    ///
    /// The power −1 and the damped inverse are registered apart, as in the original's first version. The power 1 is
    /// never kept, as in its successor: it is always that of the current statistics.
    public func registerMatrixPower(_ exponent: Double, damping: Double) {
        if exponent != 1 { register(.power(MatrixPower(exponent: exponent, damping: damping))) }
    }

    /// Asks for the lower-triangular L with L Lᵀ = C + damping · I to be kept by ``updateInverses()``.
    public func registerCholeskyFactor(damping: Double) { register(.choleskyFactor(damping: damping)) }

    /// Asks for the inverse of the Cholesky factor to be kept by ``updateInverses()``.
    public func registerInverseCholeskyFactor(damping: Double) { register(.inverseCholeskyFactor(damping: damping)) }

    /// The stored inverse for a damping: of the last ``updateInverses()``.
    public func dampedInverse(_ damping: Double) throws(FactorError) -> Tensor {
        try read(.inverse(damping: damping))
    }

    /// The stored power: of the last ``updateInverses()``, but the power 1 of the current statistics.
    public func matrixPower(_ exponent: Double, damping: Double) throws(FactorError) -> Tensor {
        guard exponent != 1 else { return damped(by: damping) }
        return try read(.power(MatrixPower(exponent: exponent, damping: damping)))
    }

    /// The stored lower-triangular L with L Lᵀ = C + damping · I: of the last ``updateInverses()``.
    public func choleskyFactor(damping: Double) throws(FactorError) -> Tensor {
        try read(.choleskyFactor(damping: damping))
    }

    /// The stored inverse of the Cholesky factor: of the last ``updateInverses()``.
    public func inverseCholeskyFactor(damping: Double) throws(FactorError) -> Tensor {
        try read(.inverseCholeskyFactor(damping: damping))
    }

    /// The stored inverse, see ``dampedInverse(_:)``.
    public func inverseOperator(damping: Double) throws(FactorError) -> any SymmetricOperator {
        symmetricOperator(try dampedInverse(damping))
    }

    /// The stored power, see ``matrixPower(_:damping:)``.
    public func powerOperator(_ exponent: Double, damping: Double) throws(FactorError) -> any SymmetricOperator {
        symmetricOperator(try matrixPower(exponent, damping: damping))
    }

    /// The stored Cholesky factor, see ``choleskyFactor(damping:)``.
    public func choleskyOperator(damping: Double) throws(FactorError) -> any LinearOperator {
        triangularOperator(try choleskyFactor(damping: damping))
    }

    /// The stored inverse Cholesky factor, see ``inverseCholeskyFactor(damping:)``.
    public func inverseCholeskyOperator(damping: Double) throws(FactorError) -> any LinearOperator {
        triangularOperator(try inverseCholeskyFactor(damping: damping))
    }

    private func register(_ key: DerivedMatrix) {
        if stored[key] == nil { stored[key] = settings.inverseStart.matrices(like: covariance) }
    }

    private func read(_ key: DerivedMatrix) throws(FactorError) -> Tensor {
        guard let matrix = stored[key] else {
            throw .notRegistered(key, registered: stored.keys.sorted { $0.description < $1.description })
        }
        return matrix
    }

    private func triangularOperator(_ matrix: Tensor) -> any LinearOperator {
        groupCount == 1 ? TriangularOperator(lower: matrix) : GroupedTriangularOperator(lower: matrix)
    }

    /// Computes all registered matrices from the current statistics; see ``updateInverses()``.
    func updateRegisteredInverses() throws(FactorError) {
        resetEigendecomposition()
        let inverseDampings = Set(stored.keys.filter(\.isInverse).map(\.damping))
        let usesEigen =
            stored.keys.contains(where: \.needsEigendecomposition)
            || !inverseDampings.isEmpty && inverseDampings.count >= settings.eigenThreshold
        var factors: [Double: Tensor] = [:]
        func choleskyFactor(_ damping: Double) throws(FactorError) -> Tensor {
            if let factor = factors[damping] { return factor }
            let factor = try derived { () throws(LinearAlgebraError) in try damped(by: damping).cholesky() }
            factors[damping] = factor
            return factor
        }
        // The inverse and the power −1 are registered apart, but are the same matrix.
        var powers: [MatrixPower: Tensor] = [:]
        func power(_ wanted: MatrixPower) throws(FactorError) -> Tensor {
            if let power = powers[wanted] { return power }
            let power =
                usesEigen
                ? try eigenPower(wanted.exponent, damping: wanted.damping) : try inverse(damping: wanted.damping)
            powers[wanted] = power
            return power
        }
        var updated = stored
        for key in stored.keys {
            switch key {
            case .choleskyFactor(let damping):
                updated[key] = try choleskyFactor(damping)
            case .inverseCholeskyFactor(let damping):
                let factor = try choleskyFactor(damping)
                let identity = MovingAverage.Start.identity.matrices(like: covariance)
                updated[key] = try derived { () throws(LinearAlgebraError) in try factor.solveTriangular(identity) }
            case .inverse, .power:
                updated[key] = try power(MatrixPower(exponent: key.exponent, damping: key.damping))
            }
        }
        stored = updated
    }
}
