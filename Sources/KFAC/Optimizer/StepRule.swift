public import Optimization

/// How a preconditioned gradient becomes a step.
///
/// With g the gradient of the objective, P the inverse of the damped curvature, v the velocity, α the learning rate and
/// μ the momentum.
public enum StepRule: Sendable, Hashable, Codable {
    /// Momentum after preconditioning: v ← μ v + P g, θ ← θ − α v. The original's `regular`, and the default.
    case fixed(learningRate: Schedule = 0.1, momentum: Schedule = 0.9)
    /// Momentum before preconditioning: v ← μ v + g, θ ← θ − α P v.
    ///
    /// The original calls it `adam`, for the place of its momentum; nothing else of that method is in it. The velocity
    /// is in the space of gradients, so that the newest inverse applies to all of it.
    case momentumOfGradients(learningRate: Schedule = 0.1, momentum: Schedule = 0.9)
    /// α and μ that minimise the exact quadratic model of the objective in the plane of P g and the last step (Martens
    /// & Grosse 2015, sections 6.4 and 7).
    case quadraticModel(QuadraticModelRule = QuadraticModelRule())
    /// Moments of the gradient in the eigenbasis of the curvature: Adam's steps in the coordinates in which the Fisher
    /// matrix is nearly diagonal. No inverse, no damping, no clipping.
    case eigenbasisMoments(EigenbasisMoments = EigenbasisMoments())
    /// The preconditioned mean of the gradients with the length of Adam's step, layer by layer.
    case grafted(GraftedDirection = GraftedDirection())
}

extension StepRule {
    /// Whether a quadratic model finds the length of the step.
    package var isQuadraticModel: Bool { if case .quadraticModel = self { true } else { false } }

    /// Whether steps are bounded by the clipping.
    package var isClipped: Bool {
        switch self {
        case .fixed, .momentumOfGradients: true
        case .quadraticModel, .eigenbasisMoments, .grafted: false
        }
    }
}

extension StepRule: CheckedSettings {
    package var defect: String? {
        switch self {
        case .fixed(let rate, let momentum), .momentumOfGradients(let rate, let momentum):
            [
                SettingBounds.learningRate.defect("the learning rate", rate),
                SettingBounds.momentum.defect("the momentum", momentum),
            ].firstDefect
        case .quadraticModel(let rule): rule.defect
        case .eigenbasisMoments(let rule): rule.defect
        case .grafted(let rule): rule.defect
        }
    }
}
