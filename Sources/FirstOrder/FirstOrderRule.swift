import Optimization
package import Torch

/// A method that moves parameters by their gradients alone, with its settings, as one value.
///
/// A rule that is chosen by name or stored in a file can be run: `FirstOrderOptimizer(parameters, rule: rule)`.
public enum FirstOrderRule: Sendable, Hashable, Codable {
    /// Gradient descent with momentum, plain or Nesterov's.
    case sgd(SGD.Configuration)
    /// Adam, or AdamW if there is weight decay.
    case adam(Adam.Configuration)
    /// Shampoo: the inverse roots of second moments along each axis.
    case shampoo(Shampoo.Configuration)
    /// Adam in the eigenbasis of Shampoo's second moments.
    case soap(SOAP.Configuration)
    /// KL-Shampoo or KL-SOAP: second moments that whiten one another.
    case klShampoo(KLShampoo.Configuration)
    /// Momentum whose matrices are orthogonalised.
    case muon(Muon.Configuration)

    /// Makes the rule for a list of parameters.
    package func rule(for parameters: [NamedParameter]) -> any GradientRule {
        switch self {
        case .sgd(let configuration): SGDRule(parameters, configuration)
        case .adam(let configuration): AdamRule(parameters, configuration)
        case .shampoo(let configuration): ShampooRule(parameters, configuration)
        case .soap(let configuration): SOAPRule(parameters, configuration)
        case .klShampoo(let configuration): KLShampooRule(parameters, configuration)
        case .muon(let configuration): MuonRule(parameters, configuration)
        }
    }
}

extension FirstOrderRule: CheckedSettings {
    package var defect: String? {
        switch self {
        case .sgd(let configuration): configuration.defect
        case .adam(let configuration): configuration.defect
        case .shampoo(let configuration): configuration.defect
        case .soap(let configuration): configuration.defect
        case .klShampoo(let configuration): configuration.defect
        case .muon(let configuration): configuration.defect
        }
    }
}
