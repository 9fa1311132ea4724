public import KFAC
public import Torch

/// What is trained: a model, its data, and the loss that joins them.
public protocol Problem {
    /// What one step learns from.
    associatedtype Batch

    /// What the problem is called, for reports.
    var name: String { get }
    /// What the optimiser changes.
    var parameters: [NamedParameter] { get }
    /// The number of examples to learn from.
    var trainingCount: Int { get }
    /// The number of examples to be tested on.
    var testCount: Int { get }

    /// Brings the training examples at the given positions (int64, [batch]) to where the model is.
    func trainingBatch(at indices: Tensor) -> Batch

    /// Runs the model, in training mode, on a batch.
    func loss(of batch: Batch) -> Loss

    /// Runs the model, in evaluation mode and without recording gradients, on all test examples; the model's mode is
    /// afterwards what it was.
    func evaluate() -> Score
}

/// How well a model does on a number of examples.
public struct Score: Sendable, Hashable, Codable {
    /// The number of examples.
    public var examples: Int
    /// The mean loss.
    public var loss: Double
    /// The share of the examples whose class is predicted, from 0 to 1; nil where nothing is classified.
    public var accuracy: Double?

    /// Creates a score.
    public init(examples: Int, loss: Double, accuracy: Double? = nil) {
        self.examples = examples
        self.loss = loss
        self.accuracy = accuracy
    }
}
