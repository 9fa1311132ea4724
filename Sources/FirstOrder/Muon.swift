public import Optimization
public import Torch

/// Muon: momentum whose matrices are made nearly orthogonal.
///
/// From Jordan et al. 2024 ("Muon: an optimizer for hidden layers in neural networks"), by Newton–Schulz iterations.
/// With m ← μ m + (1 − μ) g and, for Nesterov's form, d = μ m + (1 − μ) g, a matrix moves by θ ← θ − α λ θ − α s O(d),
/// where O replaces all singular values by numbers near 1 and s is the scale for the shape. Parameters with more than
/// two axes are matrices of one row for each output. Parameters with one axis, and those that are named, have Adam:
/// embeddings and output layers should, as the authors say.
public final class Muon: FirstOrderOptimizer {
    /// How long a step of a matrix is, by its shape.
    public enum Scale: String, Sendable, Hashable, Codable {
        /// √max(1, rows / columns): steps of one spectral norm (Jordan et al. 2024).
        case spectral
        /// 0.2 √max(rows, columns): steps as long as those of Adam, whose learning rates serve (Liu et al. 2025,
        /// section 2.2).
        case adam
    }

    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α of the matrices.
        public var learningRate: Schedule
        /// The momentum μ of the matrices.
        public var momentum: Double
        /// Whether a gradient is taken ahead of the momentum.
        public var nesterov: Bool
        /// The number of Newton–Schulz iterations.
        public var iterations: Int
        /// The least norm that a matrix is divided by before them.
        public var epsilon: Double
        /// How long a step is.
        public var scale: Scale
        /// The weight decay λ: each step takes λ times the learning rate off each matrix.
        public var weightDecay: Double
        /// The rule for parameters that are not matrices and for those that are named.
        public var adam: Adam.Configuration
        /// Names of matrices that have Adam, or of what contains them: "embedding", "classifier.weight".
        public var adamNames: [String]
        /// Whether the last matrix of the parameters, in a model's order that of its output layer, has Adam.
        public var lastMatrixHasAdam: Bool

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 0.02, momentum: Double = 0.95, nesterov: Bool = true, iterations: Int = 5,
            epsilon: Double = 1e-7, scale: Scale = .spectral, weightDecay: Double = 0,
            adam: Adam.Configuration = Adam.Configuration(), adamNames: [String] = [], lastMatrixHasAdam: Bool = false
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.nesterov = nesterov
            self.iterations = iterations
            self.epsilon = epsilon
            self.scale = scale
            self.weightDecay = weightDecay
            self.adam = adam
            self.adamNames = adamNames
            self.lastMatrixHasAdam = lastMatrixHasAdam
        }
    }

    /// The settings; may be changed between steps, except for which parameters have Adam.
    public var configuration: Configuration {
        get { rule.configuration }
        set { rule.configuration = newValue }
    }

    private let rule: MuonRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    ///
    /// A name that no parameter has is an error of the first step.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = MuonRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension Muon.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("the momentum", momentum),
            SettingBounds.iterations.defect("the number of iterations", iterations),
            SettingBounds.epsilon.defect("epsilon", epsilon),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
            adam.defect.map { "the part of Adam: \($0)" },
        ].firstDefect
    }

    /// Stops the program if something has changed that an optimiser looks at only when it is made.
    func requireFixed(since old: Muon.Configuration) {
        let changed = [
            ("adamNames", adamNames == old.adamNames),
            ("lastMatrixHasAdam", lastMatrixHasAdam == old.lastMatrixHasAdam),
        ].filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "Muon")
    }
}
