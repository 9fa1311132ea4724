public import Torch

/// The curvature of a linear layer that is used once for each of the T steps of a time series, in closed form.
///
/// Where ``KroneckerBlock`` takes the steps for independent, this block estimates how neighbouring steps' inputs and
/// output gradients go together and continues that as a linear Gaussian chain (Martens, Ba & Johnson 2018, section 3.5;
/// the original's `FullyConnectedSeriesFB`). Only the inverse of the damped curvature is known in closed form, of which
/// the operator gives products; everything else of it is computed from its entries.
///
/// The uses are calls in the order of the steps, [batch, features] each, or one call with [batch, time, features]. The
/// damping λ is shared as in ``KroneckerBlock``, with c = T.
public final class TimeSeriesBlock: CurvatureBlock {
    public let name: String
    public let parameters: [NamedParameter]
    /// The closed form.
    public let form: Approximation.TimeSeriesForm

    let input: FullyConnectedMultiKroneckerFactor
    let output: FullyConnectedMultiKroneckerFactor
    /// For each lag d, the mean number of pairs of steps t, t + d of an example that count, in the last batch: T − d
    /// for series of one length T.
    private(set) var lagCounts = [1.0]

    /// T, or the mean of the series' lengths.
    var stepCount: Double { lagCounts[0] }

    /// Creates a block for a linear layer.
    ///
    /// - Parameters:
    ///   - weight: [outputs, inputs].
    ///   - bias: [outputs].
    ///   - form: The closed form.
    ///   - settings: How the factors average.
    public init(
        weight: NamedParameter, bias: NamedParameter?, form: Approximation.TimeSeriesForm,
        settings: FactorSettings = FactorSettings()
    ) {
        parameters = [weight] + (bias.map { [$0] } ?? [])
        name = layerName(of: parameters)
        self.form = form
        let (shape, dtype, device) = (weight.tensor.shape, weight.tensor.dtype, weight.tensor.device)
        input = FullyConnectedMultiKroneckerFactor(
            features: shape[1], hasBias: bias != nil, settings: settings, dtype: dtype, device: device)
        output = FullyConnectedMultiKroneckerFactor(
            features: shape[0], settings: settings, dtype: dtype, device: device)
    }

    public func updateStatistics(_ statistics: BlockStatistics) {
        let statistics = statistics.withCountedExamples()
        let counted = counted(statistics)
        let inputs = series(statistics.uses.map(\.input))
        let pairs =
            counted?.pairCounts() ?? (0..<inputs.stepCount).map { Double(inputs.batchSize * (inputs.stepCount - $0)) }
        guard pairs[0] > 0 else {
            input.fade(decay: statistics.decay)
            output.fade(decay: statistics.decay)
            return
        }
        let gradients = statistics.gradients.map { series($0) }
        input.update([inputs], counted: counted, decay: statistics.decay, weight: pairs[0])
        output.update(gradients, counted: counted, decay: statistics.decay, weight: pairs[0])
        lagCounts = pairs.map { $0 / statistics.normalizer }
    }

    /// The steps that count, where not all do.
    private func counted(_ statistics: BlockStatistics) -> CountedSteps? {
        let masks = statistics.countedPositions()
        guard let some = masks.compactMap({ $0 }).first else { return nil }
        if masks.count == 1 { return CountedSteps(some.transposed()) }
        return CountedSteps(Tensor.stack(masks.map { $0 ?? Tensor.ones(like: some) }))
    }

    private func series(_ uses: [Tensor]) -> TimeSeries {
        if uses.count == 1, uses[0].rank == 3 { return TimeSeries(uses[0].transposed(0, 1)) }
        guard uses.allSatisfy({ $0.rank == 2 }) else {
            fatalError(
                "TimeSeriesBlock of \(name): uses of shapes \(uses.map(\.shape)); [batch, features] for each step or "
                    + "one of [batch, time, features] is needed")
        }
        return TimeSeries(steps: uses)
    }

    /// Always throws: there is no closed form of the curvature itself.
    public func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let dimension = parameters.reduce(0) { $0 + $1.tensor.count }
        throw LinearAlgebraError(
            operation: "curvature of the time series of \(name)", shape: [dimension, dimension],
            reason: "only the inverse has a closed form: ask for the inverse curvature")
    }

    public func inverseCurvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let steps = stepCount
        let split = FactoredDamping(
            damping: damping / steps, split: input.settings.dampingSplit, inputMeanDiagonal: input.meanDiagonal,
            outputMeanDiagonal: output.meanDiagonal)
        input.resetEigendecomposition()
        output.resetEigendecomposition()
        do throws(FactorError) {
            switch form {
            case .symmetricLag:
                let a = try input.currentSymmetricLag(split.input)
                let g = try output.currentSymmetricLag(split.output)
                let values = Self.symmetricLagValues(
                    g.values.expanded(at: 1) * a.values.expanded(at: 0), lagCounts: lagCounts)
                return TimeSeriesInverse(left: g.basis, right: a.basis, values: values, transitions: nil)
            case .longSeries:
                let a = try input.currentLongSeries(split.input)
                let g = try output.currentLongSeries(split.output)
                let rest = 1 - g.values.expanded(at: 1) * a.values.expanded(at: 0)
                // Where both lags are certain, the original divides by 1 instead of 0.
                let divisor = Tensor.select(rest .== 0, Tensor.ones(like: rest), rest) * steps
                return TimeSeriesInverse(
                    left: g.basis, right: a.basis, values: 1 / divisor, transitions: (g.transition, a.transition))
            }
        } catch {
            if case .linearAlgebra(_, let reason) = error { throw reason }
            throw LinearAlgebraError(operation: "time series", shape: [], reason: error.description)
        }
    }

    /// Computes the inverse at once: its parts share eigendecompositions that the factors keep.
    public func inverseUpdate(
        damping: Double
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator {
        let inverse = try inverseCurvature(damping: damping)
        return { () throws(LinearAlgebraError) in inverse }
    }

    /// The eigenbases of the two factors of single steps, as of a ``KroneckerBlock``.
    public func eigenbasisUpdate(
        in dtype: DType
    ) throws(LinearAlgebraError) -> @Sendable () throws(LinearAlgebraError) -> any EigenbasisOperator {
        let factors = KroneckerOperator(try output.average.damped(by: 0), try input.average.damped(by: 0))
        return eigenbasisUpdate(of: factors, in: dtype)
    }

    /// 1 / (n₀ + 2 Σ n_d xᵈ) over the lags d with their numbers n_d of pairs.
    ///
    /// For series of one length T it is γ(x) = (1 − x)² / (T(1 − x²) − 2x(1 − xᵀ)), in a form without 0/0 at x = 1,
    /// where the original's is not a number.
    static func symmetricLagValues(_ x: Tensor, lagCounts: [Double]) -> Tensor {
        // Horner's rule, from the greatest lag on.
        var sum = Tensor.zeros(like: x)
        for count in lagCounts.dropFirst().reversed() { sum = (sum + 2 * count) * x }
        return 1 / (sum + lagCounts[0])
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.under("input") { input.save(to: &$0) }
        snapshot.under("output") { output.save(to: &$0) }
        snapshot.set("lagCounts", Tensor(lagCounts))
    }

    public func restore(from reader: SnapshotReader) {
        input.restore(from: reader.under("input"))
        output.restore(from: reader.under("output"))
        guard let counts = reader.tensor("lagCounts", dtype: .float64, device: .cpu) else { return }
        guard counts.rank == 1, counts.count > 0, (counts .>= 0).all(), counts[0].scalar > 0 else {
            return reader.fault("lagCounts", "must be numbers that are not negative, the first one positive")
        }
        reader.whenFitting { self.lagCounts = counts.array() }
    }

    public func vector(from tensors: [Tensor]) -> Tensor { weightAndBiasVector(from: tensors) }

    public func tensors(from vector: Tensor) -> [Tensor] { weightAndBiasTensors(from: vector) }
}
