public import Optimization
public import Torch

/// Adam (Kingma & Ba 2015, algorithm 1), and AdamW if there is weight decay (Loshchilov & Hutter 2019, algorithm 2).
///
/// With bias-corrected running means m̂ of the gradient and v̂ of its square: θ ← θ − α λ θ, θ ← θ − α m̂ / (√v̂ + ε).
/// The decay acts on the parameters beside the gradient's step, not through it, so that it is the same for all of them.
public final class Adam: FirstOrderOptimizer {
    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The decay of the mean of the gradients.
        public var beta1: Double
        /// The decay of the mean of their squares.
        public var beta2: Double
        /// Added to the root of the mean square: ε.
        public var epsilon: Double
        /// The weight decay λ: each step takes λ times the learning rate off each parameter; 0 for Adam, more for
        /// AdamW.
        public var weightDecay: Double

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    /// The settings; may be changed between steps.
    public var configuration: Configuration {
        get { rule.configuration }
        set { rule.configuration = newValue }
    }

    private let rule: AdamRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = AdamRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension Adam.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("beta1", beta1),
            SettingBounds.momentum.defect("beta2", beta2),
            SettingBounds.epsilon.defect("epsilon", epsilon),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
        ].firstDefect
    }
}
