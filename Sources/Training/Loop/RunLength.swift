public import Datasets
import KFAC

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

    /// Why no run can be as long; nil where one can.
    var defect: String? {
        switch self {
        case .epochs(let epochs): SettingBounds.epochs.defect("the number of epochs", epochs)
        case .steps(let steps): SettingBounds.steps.defect("the number of steps", steps)
        }
    }
}
