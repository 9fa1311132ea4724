import KFAC
import Torch

/// How well a model does on a number of examples.
public struct Score: Sendable, Hashable, Codable {
    /// The number of examples.
    public var examples: Int
    /// The mean loss.
    public var loss: Double
    /// The share of the examples whose class is predicted, from 0 to 1; nil where nothing is classified.
    public var accuracy: Double?
    /// How far predictions are from the truth, in the sense of ``Problem/errorName``; nil where that is nil.
    public var error: Double?

    /// Creates a score.
    public init(examples: Int, loss: Double, accuracy: Double? = nil, error: Double? = nil) {
        self.examples = examples
        self.loss = loss
        self.accuracy = accuracy
        self.error = error
    }
}
