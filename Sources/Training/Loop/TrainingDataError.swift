public import Torch

/// A batch of the training data cannot be used; the model is as it was before the step.
public struct TrainingDataError: DescribedError {
    /// The number of the step, from 0.
    public let step: Int
    /// The number of the epoch, from 1.
    public let epoch: Int
    /// The number of the training example that is to blame, from 0, if that is known.
    public let example: Int?
    /// The fault and its place.
    public let fault: DataFault

    /// One sentence: what was wrong, where, and what to do.
    public var description: String {
        let place = example.map { " (training example \($0))" } ?? ""
        return
            "the batch of step \(step), in epoch \(epoch), cannot be used: \(fault)\(place); mend the data or leave the "
            + "example out"
    }
}
