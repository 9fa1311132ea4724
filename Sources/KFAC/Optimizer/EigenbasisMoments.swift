public import Optimization

/// How a step is found from moments of the gradient in the eigenbasis of the curvature.
///
/// For a layer with the factors A = Q_A Λ_A Q_Aᵀ of its inputs and G = Q_G Λ_G Q_Gᵀ of its output gradients, a mean
/// gradient g, [outputs, inputs (+ 1)], and its number t from 1:
///
///     N = Q_Gᵀ g Q_A,   m ← β₁ m + (1 − β₁) N,   v ← β₂ v + (1 − β₂) N ∘ N
///     M = (β₁ m + (1 − β₁) N) / (1 − β₁ᵗ⁺¹)      (Nesterov's form; else m / (1 − β₁ᵗ))
///     D = M / (√(v / (1 − β₂ᵗ)) + ε),            θ ← θ − α Q_G D Q_Aᵀ
///
/// That is Adam in the basis of the Fisher matrix, where SOAP (Vyas et al. 2024) has that of the gradient's own second
/// moments. The curvature gives the directions and the moments of the gradient the lengths, so that there is neither
/// damping nor a bound on the step: ``KFACOptimizer/Configuration/damping``,
/// ``KFACOptimizer/Configuration/preconditionerDamping``, ``KFACOptimizer/Configuration/clipping`` and the factors'
/// ``/Curvature/FactorSettings/dampingSplit`` have no effect. Weight decay is decoupled:
/// ``Regularization/weightDecay``.
///
/// ``KFACOptimizer/Configuration/inverses`` tells when bases are computed again, from the statistics of that step. At
/// such a step, m turns exactly: it is the mean of the same gradients in the new basis. v becomes (T ∘ T) v with
/// T = (Q_G ⊗ Q_A)ᵀ (Q'_G ⊗ Q'_A) for the new and the old basis ('): exact where the coordinates of the gradients were
/// uncorrelated in the old basis; the sum of all squares stays in any case.
///
/// Each kind of curvature has its form. The bias of a layer is the last column of g. Convolutions have the kernel's
/// elements as columns; grouped ones a pair of bases for each group. A side whose factor is diagonal, such as the rows
/// of an embedding, is not turned. Layers of one dense factor, such as biases by themselves, have one basis. Diagonals,
/// scales with shifts and parameters of unknown operations have the coordinate axes: Adam with Nesterov's form. A
/// weight that is used in two ways has the bases of the sum of its products' marginals. A step that does not move all
/// parameters of a layer counts the gradients of the others as zero.
///
/// Costs two products with each basis a step, 4 m n (m + n) flops for m outputs and n inputs, an eigendecomposition of
/// each factor (about 9 n³) and two more products for each new basis, and two tensors of the parameters' size.
public struct EigenbasisMoments: Sendable, Hashable, Codable {
    /// The learning rate α.
    public var learningRate: Schedule
    /// The decay β₁ of the mean of the gradients.
    public var beta1: Double
    /// The decay β₂ of the mean of their squares in the eigenbasis.
    public var beta2: Double
    /// Added to the root of the mean square.
    public var epsilon: Double
    /// Whether the mean is taken one gradient ahead (Nesterov's form; Dozat 2016).
    public var nesterov: Bool
    /// Whether coordinates whose direction is against the newest gradient stay where they are.
    ///
    /// The directions of the others are divided by the share of the layer's coordinates that they are, or by 0.05 if
    /// that is more ("cautious": Liang et al. 2024).
    public var cautious: Bool

    /// Creates a rule.
    public init(
        learningRate: Schedule = 0.007, beta1: Double = 0.95, beta2: Double = 0.95, epsilon: Double = 1e-8,
        nesterov: Bool = true, cautious: Bool = false
    ) {
        self.learningRate = learningRate
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.nesterov = nesterov
        self.cautious = cautious
    }
}

extension EigenbasisMoments: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.learningRate.defect("the learning rate", learningRate),
            SettingBounds.momentum.defect("beta1", beta1),
            SettingBounds.momentum.defect("beta2", beta2),
            SettingBounds.epsilon.defect("epsilon", epsilon),
        ].firstDefect
    }
}
