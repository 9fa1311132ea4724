import Optimization

/// The regularisation of parameters.
public struct Regularization: Sendable, Hashable, Codable {
    /// The weight η of ½ η ‖θ‖², a term of the objective.
    ///
    /// Its gradient η θ and its curvature η I are added to the loss's, its value to what the damping rule compares.
    /// Reported losses are without it.
    public var l2: Double
    /// The share of each parameter, times the learning rate, that goes at each step: no part of the objective
    /// (Loshchilov & Hutter 2019).
    public var weightDecay: Double

    /// Creates a choice.
    public init(l2: Double = 0, weightDecay: Double = 0) {
        self.l2 = l2
        self.weightDecay = weightDecay
    }
}

extension Regularization: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.l2.defect("the weight of the L2 term", l2),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
        ].firstDefect
    }
}
