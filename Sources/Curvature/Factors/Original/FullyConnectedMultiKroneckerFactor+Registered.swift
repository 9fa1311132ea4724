import Torch

// The original's interface: the matrices of the two closed forms, registered and kept.
extension FullyConnectedMultiKroneckerFactor {
    /// Asks for the matrices of option 1 to be kept by ``updateInverses()``.
    public func registerSymmetricLag(damping: Double) {
        guard symmetricLags[damping] == nil else { return }
        symmetricLags[damping] = SymmetricLag(basis: startMatrix, values: startValues)
    }

    /// Asks for the matrices of option 2 to be kept by ``updateInverses()``.
    public func registerLongSeries(damping: Double) {
        guard longSeries[damping] == nil else { return }
        longSeries[damping] = LongSeries(
            transition: startMatrix, basis: startMatrix, values: startValues)
    }

    /// The stored matrices of option 1: of the last ``updateInverses()``.
    public func symmetricLag(damping: Double) throws(FactorError) -> SymmetricLag {
        guard let stored = symmetricLags[damping] else {
            throw .timeSeriesNotRegistered(option: 1, damping: damping, registered: symmetricLags.keys.sorted())
        }
        return stored
    }

    /// The stored matrices of option 2: of the last ``updateInverses()``.
    public func longSeries(damping: Double) throws(FactorError) -> LongSeries {
        guard let stored = longSeries[damping] else {
            throw .timeSeriesNotRegistered(option: 2, damping: damping, registered: longSeries.keys.sorted())
        }
        return stored
    }

    /// Computes all registered matrices from the current statistics.
    func updateRegisteredSeries() throws(FactorError) {
        var (lags, series) = (symmetricLags, longSeries)
        for damping in lags.keys { lags[damping] = try currentSymmetricLag(damping) }
        for damping in series.keys { series[damping] = try currentLongSeries(damping) }
        (symmetricLags, longSeries) = (lags, series)
    }

    private var startValues: Tensor { Tensor.ones([dimension], dtype: covariance.dtype, device: covariance.device) }

    private var startMatrix: Tensor { settings.inverseStart.matrices(like: covariance) }
}
