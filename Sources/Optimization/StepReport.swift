import Curvature
public import Torch

/// The report of one step: everything that one plots.
public struct StepReport: Sendable {
    /// The number of the step, from 0.
    public let step: Int
    /// The mean loss over the batch before the step, still on its device; reading ``loss`` waits for it.
    public var lossTensor: Tensor
    /// The learning rate used: given, or found by the quadratic model.
    public var learningRate: Double
    /// The momentum used: given, or found by the quadratic model.
    public var momentum: Double
    /// The damping λ used, in units of the mean loss; nil for methods without.
    public var damping: Double?
    /// The damping of the newest inverses: λ and the weight of the L2 term, or the one chosen in their place.
    public var preconditionerDamping: Double?
    /// The factor of the update by clipping, 1 if it did not act; of `Clipping.value(_:)` the fraction of entries
    /// that it left as they were; nil for methods without.
    public var clipping: Double?
    /// ½ η ‖θ‖², which the objective has besides the loss; nil without such a term.
    public var regularization: Double?
    /// The Euclidean norm of the objective's gradient; nil for methods that do not need it.
    public var gradientNorm: Double?
    /// The Euclidean norm of the parameters' change; nil for methods that do not need it.
    public var updateNorm: Double?
    /// The change of the objective that the quadratic model predicted; nil at steps without.
    public var predictedChange: Double?
    /// The change of the objective on the same batch; nil at steps that did not compute it.
    public var actualChange: Double?
    /// Whether the parameters are as before the step: it did harm and was undone, or its numbers were unusable.
    public var isRejected = false
    /// The interventions of the guards, in order; empty at most steps.
    public var guards: [GuardEvent] = []
    /// Whether the step only averaged statistics.
    public var isBurnIn = false
    /// The state of the layers' inverses; empty for methods without.
    public var inverses: [InverseStatus] = []
    /// The number of layers whose inverses, or other costly preconditioners, are used for the first time.
    public var refreshedInverses = 0
    /// Messages to the user, each once: parameters for which no approximation is known, or that the step did not move,
    /// and choices that have no effect.
    public var messages: [String] = []
    /// The time taken by each phase, in seconds, in the order in which they ran.
    public var phases: [(phase: Phase, seconds: Double)] = []

    /// The parts of a step.
    public enum Phase: String, Sendable, CaseIterable {
        /// The forward pass.
        case forward
        /// The gradient of the loss with respect to the parameters.
        case backward
        /// The forward pass over the fraction of the batch that the statistics use, if that is not all of it.
        case curvatureForward
        /// The gradients of the sampled losses with respect to the pre-activations.
        case curvatureBackward
        /// Second moments into running averages.
        case statistics
        /// Inverses of the factors.
        case inverses
        /// The inverses applied to the gradient, and the clipping.
        case preconditioning
        /// Products of the exact curvature with directions.
        case quadraticModel
        /// The parameters' change.
        case update
        /// The objective after the step.
        case evaluation
    }

    /// Creates a report of what every method knows.
    public init(step: Int, lossTensor: Tensor, learningRate: Double, momentum: Double) {
        self.step = step
        self.lossTensor = lossTensor
        self.learningRate = learningRate
        self.momentum = momentum
    }

    /// The mean loss over the batch before the step.
    public var loss: Double { lossTensor.scalar }

    /// The reduction ratio ρ: the actual change by the predicted one; nil if one of them is not known.
    public var reductionRatio: Double? {
        guard let actualChange, let predictedChange else { return nil }
        return actualChange / predictedChange
    }
}
