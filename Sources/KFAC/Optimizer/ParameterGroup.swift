import Optimization

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

extension ParameterGroup: CheckedSettings {
    package var defect: String? {
        let defect = SettingBounds.learningRateScale.defect("the scale of the learning rate", learningRateScale)
        return (defect ?? regularization?.defect).map { "the group of \(names.joined(separator: ", ")): \($0)" }
    }
}
