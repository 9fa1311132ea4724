public import Torch

/// There is not enough memory for what a run does beside its steps.
public struct TrainingMemoryError: DescribedError {
    /// What a run does beside its steps.
    public enum Activity: String, Sendable, Hashable {
        /// Takes over the state of an earlier run.
        case resumption = "to go on from the checkpoint"
        /// Gathers the examples of a step.
        case batch = "for the batch"
        /// Takes the parameters into an average.
        case average = "for the average of the parameters"
        /// Tests the model.
        case evaluation = "to test the model"
        /// Copies everything for a checkpoint.
        case checkpoint = "for a checkpoint"
        /// Writes the weights of a complete run.
        case weights = "to write the weights"
    }

    /// What there is not enough memory for.
    public let activity: Activity
    /// The number of steps that were done before.
    public let steps: Int
    /// What ran out of memory.
    public let fault: MemoryFault

    /// One sentence: for what, when, what ran out of memory, and what to do.
    public var description: String {
        let remedy =
            switch activity {
            case .batch, .average: "make the batch or the model smaller"
            case .evaluation: "make the model smaller"
            case .resumption, .checkpoint, .weights: "free memory, or use a machine that has more"
            }
        return "there is not enough memory \(activity.rawValue) after \(steps) steps: \(fault): \(remedy)"
    }
}
