public import Torch

/// A symmetric matrix estimated by a running average of second moments, with stored inverses and powers.
///
/// The matrix C is uncentred: no mean is subtracted. Inverses are of C + damping · I. They are registered first, then
/// computed by ``updateInverses()`` from the statistics of that moment, and read as often as wanted: **stale** until the
/// next update, the identity before the first one. Products with the damped matrix itself use the current statistics.
///
/// Subclasses say what a batch's second moment is. This is the original's class of the same name.
public class InverseProvidingFactor {
    /// The number of rows of the matrix.
    public let dimension: Int
    /// How the factor averages and inverts.
    public let settings: FactorSettings

    var average: MovingAverage
    private var inverses: [Double: Tensor] = [:]
    private var powers: [MatrixPower: Tensor] = [:]
    private var eigen: (values: Tensor, vectors: Tensor)?

    /// Creates a factor without statistics.
    init(dimension: Int, settings: FactorSettings, dtype: DType, device: Device) {
        guard dimension > 0, dtype.isFloatingPoint else {
            fatalError("\(Self.self): dimension \(dimension) of type \(dtype); positive and floating-point is needed")
        }
        self.dimension = dimension
        self.settings = settings
        let shape = [dimension, dimension]
        average = MovingAverage(
            rule: settings.averaging,
            initialValue: settings.start == .identity
                ? Tensor.identity(dimension, dtype: dtype, device: device)
                : Tensor.zeros(shape, dtype: dtype, device: device))
    }

    /// The running average C, [dimension, dimension]; a view of memory that updates write.
    public var covariance: Tensor { average.value }

    /// The number of batches that the average has seen.
    public var updateCount: Int { average.updateCount }

    /// The mean of C's diagonal.
    public var meanDiagonal: Double { covariance.trace().scalar / Double(dimension) }

    /// Moves the average by the second moment of a batch: the sum over sources of the mean over their rows.
    ///
    /// A source is one back-propagated quantity (one draw of targets, one column of the loss's factor); its parts (the
    /// uses of a shared weight) are put behind one another.
    func update(sources: [[any SecondMoment]], decay: Double, weight: Double) {
        guard !sources.isEmpty, sources.allSatisfy({ !$0.isEmpty }) else {
            fatalError("\(Self.self).update: no sources")
        }
        average.update(decay: decay, weight: weight) { value, keep, take in
            var keep = keep
            for parts in sources {
                let rowCount = parts.reduce(0) { $0 + $1.count }
                for rows in parts {
                    rows.accumulate(into: value, keep: keep, scale: take / Double(rowCount))
                    keep = 1
                }
            }
        }
    }
}

// Inverses and powers: registration, update, reading.
extension InverseProvidingFactor {
    /// Asks for (C + damping · I)⁻¹ to be kept by ``updateInverses()``; again for the same damping does nothing.
    public func registerDampedInverse(_ damping: Double) {
        guard inverses[damping] == nil else { return }
        inverses[damping] = identity()
    }

    /// Asks for (C + damping · I)^exponent to be kept by ``updateInverses()``; again for the same does nothing.
    ///
    /// The power −1 and the damped inverse are registered apart, as in the original.
    public func registerMatrixPower(_ exponent: Double, damping: Double) {
        let power = MatrixPower(exponent: exponent, damping: damping)
        guard powers[power] == nil else { return }
        powers[power] = identity()
    }

    /// Computes all registered inverses and powers from the current statistics.
    ///
    /// One Cholesky factorisation for each inverse (about n³ flops), or one eigendecomposition for all of them (about
    /// 9n³) where a power is registered or there are as many inverses as ``FactorSettings/eigenThreshold``.
    ///
    /// - Throws: ``FactorError/linearAlgebra(factor:_:)``; all stored inverses are then as before.
    public func updateInverses() throws(FactorError) {
        resetEigendecomposition()
        guard !powers.isEmpty || inverses.count >= settings.eigenThreshold else {
            var updated = inverses
            for damping in inverses.keys { updated[damping] = try inverse(damping: damping) }
            inverses = updated
            return
        }
        let (values, vectors) = try eigendecomposition()
        func power(_ exponent: Double, _ damping: Double) -> Tensor {
            (vectors * (values + damping).pow(exponent)).matmul(vectors.transposed())
        }
        for damping in inverses.keys { inverses[damping] = power(-1, damping) }
        for key in powers.keys { powers[key] = power(key.exponent, key.damping) }
    }

    /// The stored inverse for a damping: of the last ``updateInverses()``, the identity before.
    public func dampedInverse(_ damping: Double) throws(FactorError) -> Tensor {
        guard let inverse = inverses[damping] else {
            throw .inverseNotRegistered(damping: damping, registered: inverses.keys.sorted())
        }
        return inverse
    }

    /// The stored power: of the last ``updateInverses()``, the identity before.
    public func matrixPower(_ exponent: Double, damping: Double) throws(FactorError) -> Tensor {
        let key = MatrixPower(exponent: exponent, damping: damping)
        guard let power = powers[key] else { throw .powerNotRegistered(key, registered: Array(powers.keys)) }
        return power
    }

    /// The eigenvalues of C, ascending and raised to the floor, and the eigenvectors as columns.
    ///
    /// Computed from the current statistics when first asked for and kept until ``resetEigendecomposition()`` or the
    /// next update of the inverses.
    public func eigendecomposition() throws(FactorError) -> (values: Tensor, vectors: Tensor) {
        if let eigen { return eigen }
        do throws(LinearAlgebraError) {
            let (values, vectors) = try covariance.symmetricEigen()
            let floored = (values: values.clamped(atLeast: settings.eigenvalueFloor), vectors: vectors)
            eigen = floored
            return floored
        } catch {
            throw .linearAlgebra(factor: "\(Self.self)", error)
        }
    }

    /// Drops the eigendecomposition, so that the next one is of the statistics of that moment.
    public func resetEigendecomposition() { eigen = nil }

    /// (C + damping · I)⁻¹ of the current statistics, by Cholesky; nothing is stored.
    public func inverse(damping: Double) throws(FactorError) -> Tensor {
        let damped = covariance.copy()
        damped.diagonal().add(inPlace: damping)
        do throws(LinearAlgebraError) {
            return try damped.cholesky().choleskyInverse()
        } catch {
            throw .linearAlgebra(factor: "\(Self.self)", error)
        }
    }

    private func identity() -> Tensor {
        Tensor.identity(dimension, dtype: covariance.dtype, device: covariance.device)
    }
}

// Products with a matrix x.
extension InverseProvidingFactor {
    /// (C + damping · I) x for x of `dimension` rows, with the current statistics.
    public func leftMultiply(_ x: Tensor, damping: Double) -> Tensor {
        covariance.matmul(matrix(x, "leftMultiply")) + x * damping
    }

    /// x (C + damping · I) for x of `dimension` columns, with the current statistics.
    public func rightMultiply(_ x: Tensor, damping: Double) -> Tensor {
        matrix(x, "rightMultiply").matmul(covariance) + x * damping
    }

    /// The stored, possibly stale inverse times x.
    public func leftMultiplyInverse(_ x: Tensor, damping: Double) throws(FactorError) -> Tensor {
        try dampedInverse(damping).matmul(matrix(x, "leftMultiplyInverse"))
    }

    /// x times the stored, possibly stale inverse.
    public func rightMultiplyInverse(_ x: Tensor, damping: Double) throws(FactorError) -> Tensor {
        try matrix(x, "rightMultiplyInverse").matmul(dampedInverse(damping))
    }

    /// x (C + damping · I) for a row-sparse x: the same rows are stored in the result.
    public func rightMultiply(_ x: RowSparse, damping: Double) -> RowSparse {
        x.replacingValues(rightMultiply(x.values, damping: damping))
    }

    /// A row-sparse x times the stored, possibly stale inverse.
    public func rightMultiplyInverse(_ x: RowSparse, damping: Double) throws(FactorError) -> RowSparse {
        x.replacingValues(try rightMultiplyInverse(x.values, damping: damping))
    }

    private func matrix(_ x: Tensor, _ operation: String) -> Tensor {
        guard x.rank == 2 else { fatalError("\(Self.self).\(operation): a matrix is needed, not shape \(x.shape)") }
        return x
    }
}
