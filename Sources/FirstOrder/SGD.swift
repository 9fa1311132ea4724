public import Optimization
public import Torch

/// Stochastic gradient descent with momentum: v ← μ v + g, θ ← θ − α v (with Nesterov: θ ← θ − α (g + μ v)).
///
/// Sutskever et al. 2013, section 2, in the form that the common frameworks use (the learning rate outside of the
/// velocity).
public final class SGD: FirstOrderOptimizer {
    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The momentum μ.
        public var momentum: Double
        /// Whether the gradient is taken ahead of the velocity.
        public var nesterov: Bool
        /// The weight of ½‖θ‖², whose gradient is added to the loss's.
        public var weightDecay: Double

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 0.1, momentum: Double = 0.9, nesterov: Bool = false, weightDecay: Double = 0
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.nesterov = nesterov
            self.weightDecay = weightDecay
        }
    }

    /// The settings; may be changed between steps.
    public var configuration: Configuration {
        get { rule.configuration }
        set { rule.configuration = newValue }
    }

    private let rule: SGDRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = SGDRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension SGD.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("the momentum", momentum),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
        ].firstDefect
    }
}
