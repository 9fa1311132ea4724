import FirstOrder
import KFAC
import Torch

/// An optimiser that is chosen and configured, but not made yet.
enum OptimizerSetup: Encodable {
    case kfac(KFACOptimizer.Configuration)
    /// A method that needs the gradient only, and the name by which it was chosen.
    case firstOrder(OptimizationMethod, FirstOrderRule, Guards)

    /// Makes the optimiser.
    ///
    /// - Parameter generator: Draws what the method draws, on the parameters' device.
    func make(_ parameters: [NamedParameter], generator: RandomGenerator) -> any Optimizer {
        switch self {
        case .kfac(let configuration):
            return KFACOptimizer(parameters, configuration: configuration, generator: generator)
        case .firstOrder(_, let rule, let guards):
            let optimizer = FirstOrderOptimizer(parameters, rule: rule)
            optimizer.guards = guards
            return optimizer
        }
    }

    private enum CodingKeys: String, CodingKey {
        case method
        case guards
    }

    /// Writes the configuration and, beside it, the method's name and the guards.
    func encode(to encoder: any Encoder) throws {
        let (method, configuration) = choice
        try configuration.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(method.rawValue, forKey: .method)
        // K-FAC's are in its configuration.
        if case .firstOrder(_, _, let guards) = self { try container.encode(guards, forKey: .guards) }
    }

    private var choice: (OptimizationMethod, any Encodable) {
        switch self {
        case .kfac(let configuration): (.kfac, configuration)
        case .firstOrder(let method, .sgd(let configuration), _): (method, configuration)
        case .firstOrder(let method, .adam(let configuration), _): (method, configuration)
        case .firstOrder(let method, .shampoo(let configuration), _): (method, configuration)
        case .firstOrder(let method, .soap(let configuration), _): (method, configuration)
        case .firstOrder(let method, .muon(let configuration), _): (method, configuration)
        }
    }
}
