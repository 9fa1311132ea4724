public import Curvature
public import Torch

/// Changes parameters so that a loss falls.
///
/// The loss is a closure that runs the model, not a number or a list of gradients: second-order methods look into the
/// forward pass. All optimisers here take it, so that a loop can compare them.
public protocol Optimizer: AnyObject {
    /// The number of steps done.
    var stepCount: Int { get }

    /// Does one step on one batch.
    ///
    /// A step that is not finite is rejected, and its report says why: see ``Guards``. Data that cannot be used, such
    /// as a label out of range, are an error: ``OptimizerError/invalidBatch(step:part:fault:)``.
    ///
    /// - Parameter loss: Runs the model on the batch, with gradients recorded; called once by methods that need the
    ///   gradient only, and again in the same step by those that look at the loss after it.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before, and so are running
    ///   statistics of normalisations.
    @discardableResult
    func step(_ loss: () throws -> Loss) throws -> StepReport

    /// Does one step on one batch of which parts can be run by themselves.
    ///
    /// Methods that estimate curvature may run the model on a part of the batch besides, as chosen in their
    /// configuration; methods that need the gradient only run it once, on all examples.
    ///
    /// - Parameters:
    ///   - count: The number of examples of the batch, positive.
    ///   - loss: Runs the model on a range of the batch's examples, `0..<count` for all of them.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before.
    @discardableResult
    func step(examples count: Int, _ loss: (_ range: Range<Int>) throws -> Loss) throws -> StepReport

    /// Copies everything that the steps to come depend on, but for the parameters and the configuration.
    ///
    /// An optimiser of the same parameters with the same configuration that ``load(_:)`` takes it goes on as this one
    /// does, bit for bit on the same machine with the same number of threads. Costs a copy of the memory; updates of
    /// inverses in the background are waited for.
    func state() -> Snapshot

    /// Takes over the state of another optimiser; its parameters are to be loaded, too.
    ///
    /// - Throws: ``/Torch/SnapshotError`` if the state is that of another method, of other parameters or of another
    ///   configuration; this optimiser is then as before.
    func load(_ state: Snapshot) throws(SnapshotError)
}

extension Optimizer {
    /// Runs the model on all examples.
    @discardableResult
    public func step(examples count: Int, _ loss: (_ range: Range<Int>) throws -> Loss) throws -> StepReport {
        guard count > 0 else { fatalError("\(type(of: self)).step: \(count) examples") }
        return try step { try loss(0..<count) }
    }
}
