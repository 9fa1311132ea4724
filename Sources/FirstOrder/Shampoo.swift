public import Optimization
public import Torch

/// Shampoo: the gradient times an inverse root of its second moment along each axis.
///
/// From Gupta, Koren & Singer 2018, algorithms 1 and 2; running averages, grafting and the period from Anil et al.
/// 2020, section 3.
///
/// For a matrix with the gradient G: L and R sum up (or average) G Gᵀ and Gᵀ G, and the step's direction is
/// L^(−1/4) G R^(−1/4); for a tensor with k axes, each axis has the exponent −1/(2k). With grafting, the direction has
/// the length of a simpler method's step; momentum comes after that: v ← μ v + d, θ ← θ − α λ θ − α v.
public final class Shampoo: FirstOrderOptimizer {
    /// How second moments come together.
    public enum Accumulation: Sendable, Hashable, Codable {
        /// As a sum over all steps, as in the first paper: steps shorten.
        case sum
        /// As a running average, bias-corrected.
        case average(decay: Double)
    }

    /// The ridge that is added to a second moment before its root.
    public enum Ridge: Sendable, Hashable, Codable {
        /// A number, in units of squared gradients.
        case absolute(Double)
        /// A fraction of the moment's largest eigenvalue, so that the scale of the loss does not matter.
        case relative(Double)
    }

    /// The method that determines the length of each parameter's step (Agarwal, Anil, Hazan, Koren & Zhang 2020).
    public enum Grafting: Sendable, Hashable, Codable {
        /// Shampoo itself.
        case none
        /// The length of the gradient.
        case sgd
        /// The length of g / (√v̂ + ε), Adam's step without its momentum.
        case adam(beta2: Double = 0.999, epsilon: Double = 1e-8)
    }

    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The momentum μ of the directions.
        public var momentum: Double
        /// Whether a direction is taken ahead of the velocity: θ ← θ − α (d + μ v).
        public var nesterov: Bool
        /// How the second moments come together.
        public var accumulation: Accumulation
        /// The ridge that is added to them before the root.
        public var ridge: Ridge
        /// The p of the power −p of each second moment; nil for 1/(2k) with k the number of axes.
        public var exponent: Double?
        /// The number of steps between new roots.
        public var period: Int
        /// The number of steps that only gather moments: until then the direction is the one that is grafted.
        public var start: Int
        /// The method that determines the length of a step.
        public var grafting: Grafting
        /// The weight decay λ: each step takes λ times the learning rate off each parameter.
        public var weightDecay: Double
        /// How parameters with more than two axes are seen.
        public var kernels: KernelView
        /// The largest extent of an axis that gets a matrix; longer ones get the moments' diagonal.
        ///
        /// Parameters with one axis always get the diagonal, which makes them those of Adagrad.
        public var maximumExtent: Int

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 1e-3, momentum: Double = 0.9, nesterov: Bool = false,
            accumulation: Accumulation = .average(decay: 0.95), ridge: Ridge = .relative(1e-6),
            exponent: Double? = nil, period: Int = 10, start: Int = 10, grafting: Grafting = .adam(),
            weightDecay: Double = 0, kernels: KernelView = .matrix, maximumExtent: Int = 2048
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.nesterov = nesterov
            self.accumulation = accumulation
            self.ridge = ridge
            self.exponent = exponent
            self.period = period
            self.start = start
            self.grafting = grafting
            self.weightDecay = weightDecay
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

    private let rule: ShampooRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = ShampooRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension Shampoo.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("the momentum", momentum),
            accumulation.defect,
            ridge.defect,
            exponent.flatMap { SettingBounds.exponent.defect("the exponent", $0) },
            SettingBounds.period.defect("the period", period),
            SettingBounds.firstSteps.defect("the start", start),
            grafting.defect,
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
            SettingBounds.extent.defect("the largest extent of an axis with a matrix", maximumExtent),
        ].firstDefect
    }

    /// Stops the program if something has changed that an optimiser looks at only when it is made.
    func requireFixed(since old: Shampoo.Configuration) {
        let changed = [("kernels", kernels == old.kernels), ("maximumExtent", maximumExtent == old.maximumExtent)]
            .filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "Shampoo")
    }
}

extension Shampoo.Accumulation: CheckedSettings {
    package var defect: String? {
        switch self {
        case .sum: nil
        case .average(let decay): SettingBounds.momentum.defect("the decay of the moments", decay)
        }
    }
}

extension Shampoo.Ridge: CheckedSettings {
    package var defect: String? {
        switch self {
        case .absolute(let ridge), .relative(let ridge): SettingBounds.epsilon.defect("the ridge", ridge)
        }
    }
}

extension Shampoo.Grafting: CheckedSettings {
    package var defect: String? {
        guard case .adam(let beta2, let epsilon) = self else { return nil }
        return SettingBounds.momentum.defect("beta2 of the grafting", beta2)
            ?? SettingBounds.epsilon.defect("epsilon of the grafting", epsilon)
    }
}
