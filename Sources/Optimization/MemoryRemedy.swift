/// A way to make a step need less memory.
public enum MemoryRemedy: String, Sendable, Hashable {
    /// Fewer examples at once.
    case smallerBatch
    /// The batch in parts: `KFACOptimizer.step(examples:inPartsOf:_:)`.
    case parts
    /// Statistics of a fraction of the batch.
    case statisticsFraction
    /// Smaller factors of the curvature.
    case dimensionLimit

    /// The remedies of a step of K-FAC.
    package static let ofCurvature: [MemoryRemedy] = [.smallerBatch, .parts, .statisticsFraction, .dimensionLimit]
}

extension MemoryRemedy: CustomStringConvertible {
    /// The remedy, as part of a list of what to do.
    public var description: String {
        switch self {
        case .smallerBatch: "make the batch smaller"
        case .parts: "run it in parts (step(examples:inPartsOf:_:))"
        case .statisticsFraction: "take the statistics of a share of it (statisticsFraction)"
        case .dimensionLimit: "lower FactorSettings.dimensionLimit or blockSize"
        }
    }
}
