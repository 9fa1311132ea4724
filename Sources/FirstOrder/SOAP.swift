public import Optimization
public import Torch

/// SOAP: Adam in the eigenbasis of Shampoo's second moments.
///
/// From Vyas et al. 2024, algorithms 3 and 4. For a matrix with the gradient G: L and R average G Gᵀ and Gᵀ G, and Adam
/// runs on QLᵀ G QR, with the eigenvectors QL of L and QR of R. These are found once exactly and then follow by one
/// step of the power method and a QR decomposition each period. As in the authors' program, the first step only finds
/// them and moves nothing, and weight decay follows the step: θ ← (θ − α d)(1 − α λ).
///
/// Parameters with one axis and axes that are too long have no basis: Adam runs on them as they are.
public final class SOAP: FirstOrderOptimizer {
    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The decay of the mean of the gradients.
        public var beta1: Double
        /// The decay of the mean of their squares in the eigenbasis.
        public var beta2: Double
        /// The decay of the second moments along each axis; nil for that of the squares.
        public var momentDecay: Double?
        /// Added to the root of the mean square, before its bias is corrected.
        public var epsilon: Double
        /// The weight decay λ: each step takes λ times the learning rate off each parameter.
        public var weightDecay: Double
        /// Whether the mean is taken one gradient ahead: the direction is that of β₁ m + (1 − β₁) g in the place of the
        /// mean m, with the bias of one more gradient corrected (Nesterov's form; Dozat 2016).
        public var nesterov: Bool
        /// The number of steps between new eigenbases.
        public var period: Int
        /// How parameters with more than two axes are seen.
        public var kernels: KernelView
        /// The largest extent of an axis that gets a basis.
        public var maximumExtent: Int

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 3e-3, beta1: Double = 0.95, beta2: Double = 0.95, momentDecay: Double? = nil,
            epsilon: Double = 1e-8, weightDecay: Double = 0, nesterov: Bool = false, period: Int = 10,
            kernels: KernelView = .matrix, maximumExtent: Int = 10_000
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.momentDecay = momentDecay
            self.epsilon = epsilon
            self.weightDecay = weightDecay
            self.nesterov = nesterov
            self.period = period
            self.kernels = kernels
            self.maximumExtent = maximumExtent
        }
    }

    /// The settings; may be changed between steps, except for ``Configuration/kernels`` and
    /// ``Configuration/maximumExtent``.
    public var configuration: Configuration {
        get { rule.configuration }
        set { rule.configuration = newValue }
    }

    private let rule: SOAPRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = SOAPRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension SOAP.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("beta1", beta1),
            SettingBounds.momentum.defect("beta2", beta2),
            momentDecay.flatMap { SettingBounds.momentum.defect("the decay of the moments", $0) },
            SettingBounds.epsilon.defect("epsilon", epsilon),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
            SettingBounds.period.defect("the period", period),
            SettingBounds.extent.defect("the largest extent of an axis with a matrix", maximumExtent),
        ].firstDefect
    }

    /// Stops the program if something has changed that an optimiser looks at only when it is made.
    func requireFixed(since old: SOAP.Configuration) {
        let changed = [("kernels", kernels == old.kernels), ("maximumExtent", maximumExtent == old.maximumExtent)]
            .filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "SOAP")
    }
}
