public import KFAC
public import Torch

/// A training problem: a model, its data, and the loss that joins them.
public protocol Problem {
    /// The data of one step.
    associatedtype Batch

    /// The name of the problem in reports.
    var name: String { get }
    /// The name of ``Score/error`` in reports: "squared error"; nil where scores have none. By default nil.
    var errorName: String? { get }
    /// The parameters that the optimiser changes.
    var parameters: [NamedParameter] { get }
    /// The approximations of curvature that suit the model; by default each layer's own default.
    var layerChoices: LayerChoices { get }
    /// The number of training examples.
    var trainingCount: Int { get }
    /// The number of test examples.
    var testCount: Int { get }

    /// The identity of the data, part by part: for example, the SHA-256 of each file by its name, or the settings that
    /// generated examples follow from.
    ///
    /// A run resumes from a checkpoint only if they are the same. By default empty: nothing is compared.
    var dataFingerprint: [String: String] { get }

    /// Brings the training examples at the given positions (int64, [batch]) to where the model is.
    func trainingBatch(at indices: Tensor) -> Batch

    /// The examples of a range of a batch, without a copy.
    func part(_ range: Range<Int>, of batch: Batch) -> Batch

    /// Runs the model, in training mode, on a batch.
    func loss(of batch: Batch) -> Loss

    /// Runs the model, in evaluation mode and without recording gradients, on the first test examples; the model's mode
    /// is afterwards what it was.
    ///
    /// - Parameter limit: The number of test examples, positive; nil or more than there are for all of them.
    func evaluate(limit: Int?) -> Score

    /// Copies the model's state by name: parameters, buffers, generators. By default the parameters.
    func state() -> [String: Tensor]

    /// Writes a state into the model.
    ///
    /// - Throws: An error that names what does not fit; nothing was written then.
    func load(state: [String: Tensor]) throws

    /// Copies the weights under the names by which other programs know them. By default the state.
    func weights() -> [String: Tensor]

    /// Writes weights from another program, or from ``weights()``, into the model.
    ///
    /// - Throws: An error that names what does not fit; nothing was written then.
    func load(weights: [String: Tensor]) throws
}

extension Problem {
    /// The parameters.
    public func state() -> [String: Tensor] {
        requireDistinctNames(parameters, in: "Problem.state")
        return Dictionary(uniqueKeysWithValues: parameters.map { ($0.name, $0.tensor.detached().copy()) })
    }

    /// Writes the parameters.
    public func load(state: [String: Tensor]) throws {
        let reader = SnapshotReader(Snapshot(tensors: state), of: "the model")
        for parameter in parameters { reader.tensor(parameter.name, into: parameter.tensor) }
        try reader.finish()
    }

    /// The state.
    public func weights() -> [String: Tensor] { state() }

    /// Loads the state, whose elements must be finite.
    public func load(weights: [String: Tensor]) throws {
        for (name, tensor) in weights.sorted(by: { $0.key < $1.key }) where !tensor.isFinite().all() {
            throw WeightsError(name: name)
        }
        try load(state: weights)
    }

    /// Nothing.
    public var dataFingerprint: [String: String] { [:] }

    /// No error.
    public var errorName: String? { nil }

    /// Each layer's default.
    public var layerChoices: LayerChoices { LayerChoices() }

    /// Runs the model, in evaluation mode and without recording gradients, on all test examples.
    public func evaluate() -> Score { evaluate(limit: nil) }
}

/// Stops the program where two parameters have one name, and a state could hold only one of them.
func requireDistinctNames(_ parameters: [NamedParameter], in owner: String) {
    var seen: Set<String> = []
    for parameter in parameters where !seen.insert(parameter.name).inserted {
        fatalError("\(owner): two parameters have the name '\(parameter.name)'; give each a name of its own")
    }
}

/// Stops the program where a problem is to be tested on no examples.
func requireTests(_ limit: Int?, of name: String) {
    if let limit, limit < 1 { fatalError("\(name).evaluate: a limit of \(limit) test examples; at least 1 is needed") }
}

/// Why weights cannot be a beginning.
struct WeightsError: DescribedError {
    /// Which have elements that are NaN or infinite.
    let name: String

    var description: String { "the weights '\(name)' have elements that are NaN or infinite: give finite ones" }
}

extension Tensor {
    /// The elements of a range of the first axis: a view, or the tensor itself where the range is all of it.
    func part(_ range: Range<Int>) -> Tensor { range == 0..<shape[0] ? self : self[range] }
}
