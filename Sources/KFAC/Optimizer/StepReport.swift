public import Torch

/// What happened in one step: everything that one plots.
public struct StepReport: Sendable {
    /// The number of the step, from 0.
    public let step: Int
    /// The mean loss over the batch before the step, still on its device; reading ``loss`` waits for it.
    public internal(set) var lossTensor: Tensor
    /// The learning rate used.
    public let learningRate: Double
    /// The momentum used.
    public let momentum: Double
    /// The damping used, in units of the mean loss; nil for methods without.
    public var damping: Double?
    /// What the clipping multiplied the update by, 1 where it did not act; nil for methods without.
    public var clipping: Double?
    /// The number of layers whose inverses were refreshed.
    public var refreshedInverses = 0
    /// What the user should know, once: parameters for which no approximation is known.
    public var messages: [String] = []
    /// The time taken by each phase, in seconds, in the order in which they ran.
    public var phases: [(phase: Phase, seconds: Double)] = []

    /// The parts of a step.
    public enum Phase: String, Sendable, CaseIterable {
        /// The forward pass.
        case forward
        /// The gradient of the loss with respect to the parameters.
        case backward
        /// The gradients of the sampled losses with respect to the pre-activations.
        case curvatureBackward
        /// Second moments into running averages.
        case statistics
        /// Inverses of the factors.
        case inverses
        /// The inverses applied to the gradient, and the clipping.
        case preconditioning
        /// The parameters' change.
        case update
    }

    /// The mean loss over the batch before the step.
    public var loss: Double { lossTensor.scalar }
}
