public import Datasets

/// When a run is over.
public enum RunLength: Sendable, Hashable, Codable {
    /// After going through all training examples a number of times.
    case epochs(Int)
    /// After a number of steps, wherever that is in an epoch.
    case steps(Int)

    /// The number of steps that a sampler's next batches make of it.
    public func steps(of sampler: BatchSampler) -> Int {
        switch self {
        case .epochs(let epochs): sampler.batchesLeft(epochs: epochs)
        case .steps(let steps): steps
        }
    }

    /// The number of epochs, nil for a number of steps.
    var epochs: Int? { if case .epochs(let epochs) = self { epochs } else { nil } }

    /// Whether there is anything to do.
    var isPositive: Bool {
        switch self {
        case .epochs(let number), .steps(let number): number > 0
        }
    }
}
