import Optimization
package import Torch

/// How gradients move parameters: a method's numbers and its state, without the passes that form the gradients.
///
/// A rule is made for a list of parameters and remembers each by itself. A step without a gradient of a parameter
/// leaves the parameter and all that is remembered of it as they are: momentum and moments do not decay, the counts
/// that correct their bias and decide when a preconditioner is due stand still, and there is no weight decay. After the
/// pause, the parameter goes on as if there had been none, but for the schedules, which see the number of the
/// optimiser's step.
package protocol GradientRule: AnyObject {
    /// The learning rate by step.
    var learningRate: Schedule { get }

    /// The momentum, as reports tell it.
    var momentum: Double { get }

    /// Moves the parameters by one step.
    ///
    /// - Parameters:
    ///   - gradients: The gradient of the mean loss with respect to each parameter, in the parameters' order, nil for
    ///     those that the step does not move; read only, as two of them may share their memory.
    ///   - step: The number of the step, from 0, which the schedules see.
    ///   - report: Takes the times of the phases and the number of refreshed inverses.
    /// - Throws: ``OptimizerError``; neither parameters nor state have changed then.
    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) throws(OptimizerError)

    /// Stores what the rule remembers, by the parameters' names.
    func save(to snapshot: inout Snapshot)

    /// Reads what ``save(to:)`` stored.
    func restore(from reader: SnapshotReader)

    /// Whether gradients whose squares are finite cannot make parameters infinite or NaN at a step, with these
    /// settings.
    func isBounded(atStep step: Int) -> Bool

    /// A function that restores the rule's present memory, except for the parameters.
    func restorePoint() -> () -> Void

    /// Gives a function that puts back all that an update replaces; not what it writes in place. Copies no tensor.
    func replacePoint() -> () -> Void
}

extension GradientRule {
    /// Whether a learning rate and a weight decay are such that many steps of any length stay in the range of numbers.
    package static func isBounded(rate: Double, decay: Double = 0, momentum: Double) -> Bool {
        abs(rate) <= 1e6 && decay >= 0 && abs(rate) * decay <= 1 && momentum >= 0 && momentum < 1
    }
}
