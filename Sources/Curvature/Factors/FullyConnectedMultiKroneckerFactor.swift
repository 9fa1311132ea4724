public import Torch

/// A Kronecker factor of a fully connected layer that is used once for each step of a time series.
///
/// Beside the second moment C₀ = E[x xᵀ] over examples and steps, which alone serves the approximation that steps are
/// independent, it can estimate how neighbouring steps go together: C₁ = Σₜ xₜ₊₁ xₜᵀ / (T · batch). The divisor is T,
/// not T − 1, so that the curvature stays positive. From both come the matrices of the two closed forms of a linear
/// Gaussian chain (Martens, Ba & Johnson 2018, section 3.5). The original's `FullyConnectedMultiKF`.
public final class FullyConnectedMultiKroneckerFactor: InverseProvidingFactor {
    /// C₁ as symmetric, with S = (C₀ + damping · I)^(−½): the original's *option 1*.
    public struct SymmetricLag: Sendable {
        /// L = S U, [n, n]; the columns of U are the eigenvectors of S C₁ S.
        public let basis: Tensor
        /// ψ, the magnitudes of its eigenvalues, [n].
        public let values: Tensor
    }

    /// The limit of long series, with S = (C₀ + damping · I)^(−½): the original's *option 2*.
    public struct LongSeries: Sendable {
        /// P = (S C₁)ᵀ S, [n, n].
        public let transition: Tensor
        /// K = S E, [n, n]; the columns of E are the right singular vectors of S C₁ S.
        public let basis: Tensor
        /// μ, the squares of its singular values, at most 1, [n].
        public let values: Tensor
    }

    /// Whether the last coordinate is the bias's.
    public let hasBias: Bool

    private var lagAverage: MovingAverage
    /// The registered matrices by their dampings, as of the last update.
    var symmetricLags: [Double: SymmetricLag] = [:], longSeries: [Double: LongSeries] = [:]

    /// Creates a factor without statistics.
    ///
    /// - Parameter features: The number of features of each step.
    public init(
        features: Int, hasBias: Bool = false, settings: FactorSettings = FactorSettings(), dtype: DType = .float32,
        device: Device = .cpu
    ) {
        self.hasBias = hasBias
        let dimension = features + (hasBias ? 1 : 0)
        lagAverage = MovingAverage(
            rule: settings.averaging,
            initialValue: MovingAverage.Start.zeros.matrices([dimension, dimension], dtype: dtype, device: device))
        super.init(dimension: dimension, settings: settings, dtype: dtype, device: device)
    }

    /// C₁, the running average of the products of neighbouring steps, later times earlier.
    ///
    /// Zeros before the first update; a view of memory that updates write.
    public var lagCovariance: Tensor { lagAverage.value }

    /// Moves the averages by a batch.
    ///
    /// - Parameters:
    ///   - sources: One series each. Their moments, each a mean over examples and steps, are *summed*.
    ///   - decay: ρ of the running averages.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(_ sources: [TimeSeries], decay: Double, weight: Double? = nil) {
        update(sources, counted: nil, decay: decay, weight: weight)
    }

    /// Moves the averages by the steps of a batch that count; all where `counted` is nil.
    func update(_ sources: [TimeSeries], counted: CountedSteps?, decay: Double, weight: Double?) {
        guard let first = sources.first else { fatalError("FullyConnectedMultiKroneckerFactor.update: no sources") }
        for source in sources where source.values.shape[2] != dimension - (hasBias ? 1 : 0) {
            fatalError(
                "FullyConnectedMultiKroneckerFactor.update: a series of shape \(source.values.shape) for "
                    + "\(dimension - (hasBias ? 1 : 0)) features")
        }
        let weight = weight ?? Double(first.batchSize)
        // Both averages are written while the series are read.
        let sources = sources.map { TimeSeries($0.values.apart(from: [covariance, lagCovariance])) }
        let rows: [[any SecondMoment]] = sources.map { source in
            [Rows.last(of: counted?.rows(of: source.values) ?? source.values, hasBias: hasBias)]
        }
        let stepCount = rows[0][0].count
        update(sources: rows, decay: decay, weight: weight)
        lagAverage.update(decay: decay, weight: weight) { value, keep, add in
            value.multiply(inPlace: keep)
            for source in sources {
                let steps = hasBias ? source.values.padded([(0, 1)], value: 1) : source.values
                let values = counted?.masked(steps) ?? steps
                let earlier = values[0..<(source.stepCount - 1)].reshaped([-1, dimension])
                let later = values[1...].reshaped([-1, dimension])
                value.formSum(
                    withProductOf: later.transposed(), earlier, beta: 1, alpha: add / Double(stepCount))
            }
        }
    }

    public override func save(to snapshot: inout Snapshot) {
        super.save(to: &snapshot)
        snapshot.under("lag") { lagAverage.save(to: &$0) }
    }

    public override func restore(from reader: SnapshotReader) {
        super.restore(from: reader)
        lagAverage.restore(from: reader.under("lag"), of: .others) { self.lagAverage = $0 }
    }

    public override func restart() {
        super.restart()
        lagAverage.restart()
    }

    public override func fade(decay: Double) {
        super.fade(decay: decay)
        lagAverage.fade(decay: decay)
    }

    public override func updateInverses() throws(FactorError) {
        try super.updateInverses()
        try updateRegisteredSeries()
    }

    /// The matrices of option 1 of the current statistics; nothing is stored.
    func currentSymmetricLag(_ damping: Double) throws(FactorError) -> SymmetricLag {
        let root = try eigenPower(-0.5, damping: damping)
        let lag = (lagCovariance + lagCovariance.transposed()) / 2
        let (values, vectors) = try derived { () throws(LinearAlgebraError) in
            try root.matmul(lag).matmul(root).symmetricEigen()
        }
        return SymmetricLag(basis: root.matmul(vectors), values: values.abs())
    }

    /// The matrices of option 2 of the current statistics; nothing is stored.
    func currentLongSeries(_ damping: Double) throws(FactorError) -> LongSeries {
        let root = try eigenPower(-0.5, damping: damping)
        let product = root.matmul(lagCovariance)
        let (_, values, vectors) = try derived { () throws(LinearAlgebraError) in
            try product.matmul(root).singularValues()
        }
        return LongSeries(
            transition: product.transposed().matmul(root), basis: root.matmul(vectors.transposed()),
            values: values.squared().clamped(atMost: 1))
    }
}
