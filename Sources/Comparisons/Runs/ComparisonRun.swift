/// One run of a comparison.
public struct ComparisonRun: Sendable, Hashable {
    /// The purpose of a run.
    public enum Part: Sendable, Hashable {
        /// To find out how good a setting is.
        case tuning(trial: Int)
        /// To find out how good the method is.
        case final
    }

    /// The label of its method.
    public var method: String
    /// The purpose of the run.
    public var part: Part
    /// The settings of the method's options.
    public var settings: [Setting]
    /// The seed of the initial parameters, the batches and all other random numbers.
    public var seed: UInt64
    /// The number of steps.
    public var steps: Int

    /// Where its records are, in the comparison's folder.
    var file: String {
        switch part {
        case .tuning(let trial): "runs/\(method)/tune-\(trial + 1).csv"
        case .final: "runs/\(method)/seed-\(seed).csv"
        }
    }

    /// The title: "adam, trial 3".
    var title: String {
        switch part {
        case .tuning(let trial): "\(method), trial \(trial + 1)"
        case .final: "\(method), seed \(seed)"
        }
    }
}
