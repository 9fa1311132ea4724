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

/// Parameters that are treated otherwise than the rest.
public struct ParameterGroup: Sendable, Hashable, Codable {
    /// Names of parameters ("stages.0.1.weight") or of what contains them ("stages.0.1").
    public var names: [String]
    /// The factor of their part of the preconditioned gradient.
    public var learningRateScale: Double
    /// Their regularisation; nil for the configuration's.
    public var regularization: Regularization?

    /// Creates a group.
    public init(_ names: [String], learningRateScale: Double = 1, regularization: Regularization? = nil) {
        self.names = names
        self.learningRateScale = learningRateScale
        self.regularization = regularization
    }

    func contains(_ parameter: String) -> Bool { names.contains { LayerChoices.name($0, contains: parameter) } }
}

extension Regularization: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.l2.defect("the weight of the L2 term", l2),
            SettingBounds.weightDecay.defect("the weight decay", weightDecay),
        ].firstDefect
    }
}

extension ParameterGroup: CheckedSettings {
    package var defect: String? {
        let defect = SettingBounds.learningRateScale.defect("the scale of the learning rate", learningRateScale)
        return (defect ?? regularization?.defect).map { "the group of \(names.joined(separator: ", ")): \($0)" }
    }
}
