public import Optimization

/// How a step is found by a quadratic model.
///
/// The model is q(s) = ½ sᵀ(F + (λ + η) I) s + gᵀs, with the exact Fisher or Gauss–Newton matrix F of the batch, the
/// damping λ and the weight η of the L2 term. It costs a pass forward and about two passes for each direction, on the
/// chosen share of the batch, and no passes to the parameters' gradients.
public struct QuadraticModelRule: Sendable, Hashable, Codable {
    /// The weight of the last step.
    public enum Momentum: Sendable, Hashable, Codable {
        /// That which minimises the model, together with the learning rate.
        case optimal
        /// A given one, the learning rate then minimising the model; 0 for rescaling alone (Martens & Grosse 2015,
        /// section 6.4). The original's `qmodel_fixedmu`.
        case fixed(Schedule)
    }

    /// The weight of the last step.
    public var momentum: Momentum
    /// The share τ₂ of the batch that F is taken of, from above 0 to 1.
    ///
    /// Less than 1 needs ``/Optimization/Optimizer/step(examples:_:)``, which can run a part of the batch.
    public var fraction: Double
    /// The matrix in the model; nil for the one whose inverse preconditions.
    public var matrix: CurvatureMatrix?
    /// The factor of the minimising step before it is taken: below 1 for caution with small batches.
    public var rescaling: Schedule

    /// Creates a rule.
    public init(
        momentum: Momentum = .optimal, fraction: Double = 1, matrix: CurvatureMatrix? = nil, rescaling: Schedule = 1
    ) {
        self.momentum = momentum
        self.fraction = fraction
        self.matrix = matrix
        self.rescaling = rescaling
    }
}

extension QuadraticModelRule: CheckedSettings {
    package var defect: String? {
        var momentumDefect: String?
        if case .fixed(let momentum) = momentum {
            momentumDefect = SettingBounds.momentum.defect("the momentum", momentum)
        }
        return [
            momentumDefect, SettingBounds.fraction.defect("the share of the batch for the quadratic model", fraction),
            SettingBounds.learningRate.defect("the rescaling of the quadratic model's step", rescaling),
        ].firstDefect
    }
}
