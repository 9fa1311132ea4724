public import Optimization

/// How a step is found from K-FAC's direction and the length of Adam's step, layer by layer.
///
/// For a layer with the inverse P of its damped curvature, and the bias-corrected mean M of its gradients (Nesterov's
/// form: one gradient ahead) and v of their squares, in the parameters' own axes:
///
///     D = P M,   s = M / (√v + ε),   θ ← θ − α D ‖s‖ / ‖D‖
///
/// Adam's lengths bound each coordinate by the learning rate and shrink as signal falls below noise, which a curvature
/// that is estimated from the model's own predictions does not know of ("grafting": Agarwal, Anil, Hazan, Koren & Zhang
/// 2020). The length of P M drops out, and ``KFACOptimizer/Configuration/clipping`` has no effect. Grafting needs a
/// damping that means the same in each layer, ``PreconditionerDamping/relative(_:)``.
///
/// Costs what preconditioning does, and two tensors of the parameters' size.
public struct GraftedDirection: Sendable, Hashable, Codable {
    /// The learning rate α.
    public var learningRate: Schedule
    /// The decay β₁ of the mean of the gradients.
    public var beta1: Double
    /// The decay β₂ of the mean of their squares.
    public var beta2: Double
    /// Added to the root of the mean square.
    public var epsilon: Double
    /// Whether the mean is taken one gradient ahead (Nesterov's form; Dozat 2016).
    public var nesterov: Bool

    /// Creates a rule.
    public init(
        learningRate: Schedule = 0.008, beta1: Double = 0.95, beta2: Double = 0.95, epsilon: Double = 1e-8,
        nesterov: Bool = true
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.nesterov = nesterov
    }

    /// Those of the moments alone.
    var moments: EigenbasisMoments {
        EigenbasisMoments(
            learningRate: learningRate, beta1: beta1, beta2: beta2, epsilon: epsilon, nesterov: nesterov)
    }
}

extension GraftedDirection: CheckedSettings {
    package var defect: String? { moments.defect }
}
