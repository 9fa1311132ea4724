public import Optimization
public import Torch

/// KL-Shampoo and KL-SOAP: second moments along the axes that are those of one normal distribution.
///
/// From Lin, Lowe, Dangel, Eschenhagen, Xu & Grosse 2025, arXiv:2509.03378: Shampoo's moments are each estimated as if
/// the other axes had none. Here each is that of a gradient that the others have whitened: for a matrix with the
/// gradient G of m rows and n columns, A averages G B⁻¹ Gᵀ / n, and B averages Gᵀ A⁻¹ G / m, which minimises the
/// Kullback–Leibler divergence of the normal distribution with the covariance A ⊗ B from that of the gradients.
///
/// The inverses are those of eigenvectors and eigenvalues: eigenvectors follow by one step of the power method and a QR
/// decomposition each period, and eigenvalues at every step. The step goes along A^(−1/2) M B^(−1/2), of the mean M of
/// the gradients (KL-Shampoo), or along Adam's step in the eigenbasis (KL-SOAP): see ``Scaling``. As in the authors'
/// program, the first gradient only finds the bases and moves nothing, the bias of means is not corrected, and weight
/// decay follows the step: θ ← (θ − α d)(1 − α λ).
///
/// Parameters with one axis, and those all of whose axes are too long, have no basis: ``Adam``'s steps move them, from
/// the second gradient on.
public final class KLShampoo: FirstOrderOptimizer {
    /// The numbers that the mean gradient is divided by, in the eigenbasis.
    public enum Scaling: String, Sendable, Hashable, Codable, CaseIterable {
        /// The roots of the products of eigenvalues: KL-Shampoo, which keeps no mean squares.
        case eigenvalues
        /// The roots of the mean squares of the gradient: KL-SOAP.
        case meanSquares
    }

    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The numbers that the mean gradient is divided by.
        public var scaling: Scaling
        /// The decay of the mean of the gradients.
        public var beta1: Double
        /// The decay of the mean of their squares, of parameters without a basis, too.
        public var beta2: Double
        /// The decay of the second moments along each axis, and of their eigenvalues; nil for that of the squares.
        public var momentDecay: Double?
        /// Added to the root by which the mean gradient is divided.
        public var epsilon: Double
        /// The eigenvalues before the first gradient: the more, the longer the first steps stay short.
        public var initialEigenvalue: Double
        /// The most by which an axis enlarges a part of the gradient, or 10, or as many as the axis is long, whichever
        /// of the two is less but at least 10: a bound on the inverse root of an eigenvalue.
        public var maximumScale: Double
        /// The weight decay λ: each step takes λ times the learning rate off each parameter.
        public var weightDecay: Double
        /// The number of steps between new eigenbases.
        public var period: Int
        /// How parameters with more than two axes are seen.
        public var kernels: KernelView
        /// The largest extent of an axis that gets a basis.
        public var maximumExtent: Int

        /// Creates a configuration; the defaults are those of the authors' program but for the rate and the decays,
        /// which are those of ``SOAP``.
        public init(
            learningRate: Schedule = 3e-3, scaling: Scaling = .eigenvalues, beta1: Double = 0.95, beta2: Double = 0.95,
            momentDecay: Double? = nil, epsilon: Double = 1e-8, initialEigenvalue: Double = 0.1,
            maximumScale: Double = 4000, weightDecay: Double = 0, period: Int = 10, kernels: KernelView = .matrix,
            maximumExtent: Int = 10_000
        ) {
            self.learningRate = learningRate
            self.scaling = scaling
            self.beta1 = beta1
            self.beta2 = beta2
            self.momentDecay = momentDecay
            self.epsilon = epsilon
            self.initialEigenvalue = initialEigenvalue
            self.maximumScale = maximumScale
            self.weightDecay = weightDecay
            self.period = period
            self.kernels = kernels
            self.maximumExtent = maximumExtent
        }
    }

    /// The settings; may be changed between steps, except for ``Configuration/scaling``, ``Configuration/kernels``,
    /// ``Configuration/initialEigenvalue`` and ``Configuration/maximumExtent``.
    public var configuration: Configuration {
        get { rule.configuration }
        set { rule.configuration = newValue }
    }

    private let rule: KLShampooRule

    /// Creates an optimiser of the given parameters, frozen ones among them.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        rule = KLShampooRule(parameters, configuration)
        super.init(parameters, rule)
    }
}

extension KLShampoo.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("beta1", beta1),
            SettingBounds.momentum.defect("beta2", beta2),
            momentDecay.flatMap { SettingBounds.momentum.defect("the decay of the moments", $0) },
            SettingBounds.epsilon.defect("epsilon", epsilon),
            SettingBounds.eigenvalue.defect("the initial eigenvalue", initialEigenvalue),
            SettingBounds.greatestScale.defect("the greatest scale of an axis", maximumScale),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
            SettingBounds.period.defect("the period", period),
            SettingBounds.extent.defect("the largest extent of an axis with a matrix", maximumExtent),
        ].firstDefect
    }

    /// Stops the program if something has changed that an optimiser looks at only when it is made.
    func requireFixed(since old: KLShampoo.Configuration) {
        let changed = [
            ("scaling", scaling == old.scaling), ("kernels", kernels == old.kernels),
            ("initialEigenvalue", initialEigenvalue == old.initialEigenvalue),
            ("maximumExtent", maximumExtent == old.maximumExtent),
        ].filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "KLShampoo")
    }
}
