public import Torch

/// A symmetric matrix estimated by a running average of second moments, with stored inverses and powers.
///
/// The matrix C is uncentred: no mean is subtracted. Inverses are of C + damping · I. By the original's interface
/// (``RegisteredInverses``) they are registered first, then computed by ``updateInverses()`` from the statistics of
/// that moment, and read as often as wanted: **stale** until the next update, ``FactorSettings/inverseStart`` before
/// the first one. Products with the damped matrix itself (the power 1) use the current statistics.
///
/// A factor of several groups, as of a grouped convolution, is a block-diagonal matrix with a block for each group; all
/// that is kept has the groups as its first axis and is computed for all groups at once.
///
/// Subclasses say what a batch's second moment is. This is the original's class of the same name, with what its
/// successor, `DenseSquareMatrixFactor`, added.
public class InverseProvidingFactor: RegisteredInverses {
    /// The number of blocks on the diagonal.
    public let groupCount: Int

    /// How the factor averages and inverts.
    public let settings: FactorSettings

    var movingAverage: MovingAverage
    /// The registered matrices, as of the last update.
    var stored: [DerivedMatrix: Tensor] = [:]
    private var eigen: (values: Tensor, vectors: Tensor)?

    /// Creates a factor without statistics.
    ///
    /// - Parameter dimension: The number of rows of each group's block.
    init(dimension: Int, groups: Int = 1, settings: FactorSettings, dtype: DType, device: Device) {
        guard dimension > 0, groups > 0, dtype.isFullPrecision else {
            fatalError(
                "\(Self.self): dimension \(dimension), \(groups) groups, type \(dtype); positive numbers and a "
                    + "floating-point type are needed")
        }
        groupCount = groups
        self.settings = settings
        let shape = groups == 1 ? [dimension, dimension] : [groups, dimension, dimension]
        movingAverage = MovingAverage(
            rule: settings.averaging, initialValue: settings.start.matrices(shape, dtype: dtype, device: device))
    }

    /// The number of rows and columns.
    public var dimension: Int { groupCount * groupDimension }

    /// The number of rows of each group's block.
    public var groupDimension: Int { covariance.shape[covariance.rank - 1] }

    /// The running average C, [dimension, dimension], or with several groups [groups, dimension, dimension] of each; a
    /// view of memory that updates write.
    public var covariance: Tensor { movingAverage.value }

    /// The current average; a view of memory that updates write.
    public var average: any SymmetricOperator { symmetricOperator(covariance) }

    /// The number of batches that the average has seen.
    public var updateCount: Int { movingAverage.updateCount }

    /// Moves the average by the second moment of a batch: the sum over sources of the mean over their rows.
    ///
    /// A source is one back-propagated quantity (one draw of targets, one column of the loss's factor); its parts (the
    /// uses of a shared weight, the parts of a batch on several devices) are put behind one another.
    func update(sources: [[any SecondMoment]], decay: Double, weight: Double) {
        movingAverage.update(sources: sources, decay: decay, weight: weight, form: settings.statistics)
    }

    /// Lets the batches so far fade by one in which nothing counted.
    public func fade(decay: Double) { movingAverage.fade(decay: decay) }

    public func save(to snapshot: inout Snapshot) { movingAverage.save(to: &snapshot) }

    public func restore(from reader: SnapshotReader) {
        movingAverage.restore(from: reader) { self.movingAverage = $0 }
    }

    public func restart() { movingAverage.restart() }

    /// Computes all registered matrices from the current statistics.
    ///
    /// One Cholesky factorisation for each damping (about n³ flops for an inverse), or one eigendecomposition for all
    /// of them (about 9n³) where a power other than −1 is registered or there are inverses for as many dampings as
    /// ``FactorSettings/eigenThreshold`` says. Cholesky factors always come from a Cholesky factorisation.
    ///
    /// - Throws: ``FactorError/linearAlgebra(factor:_:)``; everything that is stored is then as before.
    public func updateInverses() throws(FactorError) { try updateRegisteredInverses() }

    func symmetricOperator(_ matrix: Tensor) -> any SymmetricOperator {
        groupCount == 1 ? DenseOperator(matrix) : GroupedOperator(blocks: matrix)
    }
}

// Computed from the current statistics.
extension InverseProvidingFactor {
    /// The eigenvalues of C, ascending and raised to the floor, and the eigenvectors as columns.
    ///
    /// Computed from the current statistics when first asked for and kept until ``resetEigendecomposition()`` or the
    /// next update of the inverses.
    public func eigendecomposition() throws(FactorError) -> (values: Tensor, vectors: Tensor) {
        if let eigen { return eigen }
        let (values, vectors) = try derived { () throws(LinearAlgebraError) in try covariance.symmetricEigen() }
        let floored = (values: values.clamped(atLeast: settings.eigenvalueFloor), vectors: vectors)
        eigen = floored
        return floored
    }

    /// Drops the eigendecomposition, so that the next one is of the statistics of that moment.
    public func resetEigendecomposition() { eigen = nil }

    /// (C + damping · I)⁻¹ of the current statistics, by Cholesky; nothing is stored.
    public func inverse(damping: Double) throws(FactorError) -> Tensor {
        try derived { () throws(LinearAlgebraError) in try covariance.dampedInverse(damping) }
    }

    /// A copy of C + damping · I.
    func damped(by damping: Double) -> Tensor {
        let damped = covariance.copy()
        damped.diagonal().add(inPlace: damping)
        return damped
    }

    /// The power of the damped matrix, by ``eigendecomposition()``.
    func eigenPower(_ exponent: Double, damping: Double) throws(FactorError) -> Tensor {
        let (values, vectors) = try eigendecomposition()
        let powers = (values + damping).pow(exponent)
        guard powers.isFinite().all() else {
            let error = LinearAlgebraError(
                operation: "power \(exponent)", shape: covariance.shape,
                reason: "the least eigenvalue is \(values.min().scalar), the damping \(damping)")
            throw .linearAlgebra(factor: "\(type(of: self))", error)
        }
        return (vectors * powers.expanded(at: -2)).matmul(vectors.transposed())
    }
}

extension MovingAverage.Start {
    /// The identity or zeros; with more than two axes in `shape`, for each of the matrices in the last two.
    func matrices(_ shape: [Int], dtype: DType, device: Device) -> Tensor {
        switch self {
        case .zeros: .zeros(shape, dtype: dtype, device: device)
        case .identity:
            Tensor.identity(shape[shape.count - 1], dtype: dtype, device: device).broadcast(to: shape).copy()
        }
    }

    /// The identity or zeros, in the shape and type of `other`.
    func matrices(like other: Tensor) -> Tensor { matrices(other.shape, dtype: other.dtype, device: other.device) }
}
