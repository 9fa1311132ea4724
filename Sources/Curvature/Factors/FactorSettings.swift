/// How a factor averages and inverts; a value for each factor instead of the original's process-wide settings.
///
/// The defaults are those of the original's successor (package `kfac` 0.2.4), with weights by number of examples.
public struct FactorSettings: Sendable, Hashable, Codable {
    /// How batches are weighted in the running average.
    public var averaging: MovingAverage.Rule
    /// The average before the first batch.
    public var start: MovingAverage.Start
    /// With this many registered inverses or more, one eigendecomposition serves them all.
    public var eigenThreshold: Int
    /// Eigenvalues are raised to at least this, before damping is added; no effect on Cholesky factorisations.
    public var eigenvalueFloor: Double
    /// The value of stored inverses and powers before they are first computed; of zeros, products are zero until then.
    public var inverseStart: MovingAverage.Start
    /// How the factors of a block share its damping.
    public var dampingSplit: DampingSplit
    /// How the second moments of batches are formed.
    public var statistics: StatisticsForm
    /// The model that chooses the form of a convolution's statistics if it is automatic.
    ///
    /// Fixed rates by default, so that a run repeats itself to the bit; ``CostModel/measured`` follows the machine.
    public var costModel: CostModel
    /// The largest dimension of a Kronecker factor that is kept with all its entries, of each group.
    ///
    /// Larger ones are kept as dense blocks of ``blockSize`` consecutive units along the diagonal, so that memory and
    /// time grow with the number of units instead of its square and cube. Factors that are no side of a Kronecker
    /// product (``Approximation/full``, ``Approximation/genericFull``, ``Approximation/timeSeries(_:)``) have the
    /// structure that was chosen.
    public var dimensionLimit: Int
    /// The number of coordinates in the blocks of a factor beyond ``dimensionLimit``, at most.
    ///
    /// The last block may have one more, the bias's. Blocks of a convolution's patches hold whole channels, as many as
    /// fit.
    public var blockSize: Int

    /// Creates settings.
    public init(
        averaging: MovingAverage.Rule = .weighted, start: MovingAverage.Start = .zeros, eigenThreshold: Int = 4,
        eigenvalueFloor: Double = 0, inverseStart: MovingAverage.Start = .zeros,
        dampingSplit: DampingSplit = .traceRatio, statistics: StatisticsForm = .automatic,
        costModel: CostModel = .nominal, dimensionLimit: Int = 5120, blockSize: Int = 256
    ) {
        self.averaging = averaging
        self.start = start
        self.eigenThreshold = eigenThreshold
        self.eigenvalueFloor = eigenvalueFloor
        self.inverseStart = inverseStart
        self.dampingSplit = dampingSplit
        self.statistics = statistics
        self.costModel = costModel
        self.dimensionLimit = dimensionLimit
        self.blockSize = blockSize
    }

    /// The settings of the original's first version (TensorFlow 1.7): an average that starts from the identity
    /// without correction, inverses that start from it, too, and one eigendecomposition from two inverses on.
    public static let tensorFlow17 = FactorSettings(
        averaging: .exponential, start: .identity, eigenThreshold: 2, inverseStart: .identity)
}

extension FactorSettings: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.eigenThreshold.defect("the threshold for eigendecompositions", eigenThreshold),
            SettingBounds.eigenvalueFloor.defect("the floor of the eigenvalues", eigenvalueFloor),
            SettingBounds.dimension.defect("the limit of a factor's dimension", dimensionLimit),
            SettingBounds.dimension.defect("the size of a factor's blocks", blockSize), costModel.defect,
        ].firstDefect
    }
}

extension CostModel: CheckedSettings {
    package var defect: String? {
        let bounds = SettingBounds.positive()
        return (rates.joined() + [copyRate]).lazy.compactMap { bounds.defect("a rate of the cost model", $0) }.first
    }
}
