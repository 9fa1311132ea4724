import KFAC
import Torch

/// An optimiser that is chosen and configured, but not made yet.
enum OptimizerSetup: Encodable {
    case kfac(KFACOptimizer.Configuration)
    /// A method that needs the gradient only, and the name by which it was chosen.
    case firstOrder(OptimizationMethod, FirstOrderRule)

    /// Makes the optimiser.
    ///
    /// - Parameter generator: Draws what the method draws, on the parameters' device.
    func make(_ parameters: [NamedParameter], generator: RandomGenerator) -> any Optimizer {
        switch self {
        case .kfac(let configuration):
            KFACOptimizer(parameters, configuration: configuration, generator: generator)
        case .firstOrder(_, let rule): FirstOrderOptimizer(parameters, rule: rule)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case method
    }

    /// Writes the configuration and, beside it, the method's name.
    func encode(to encoder: any Encoder) throws {
        let (method, configuration) = choice
        try configuration.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(method.rawValue, forKey: .method)
    }

    private var choice: (OptimizationMethod, any Encodable) {
        switch self {
        case .kfac(let configuration): (.kfac, configuration)
        case .firstOrder(let method, .sgd(let configuration)): (method, configuration)
        case .firstOrder(let method, .adam(let configuration)): (method, configuration)
        case .firstOrder(let method, .shampoo(let configuration)): (method, configuration)
        case .firstOrder(let method, .soap(let configuration)): (method, configuration)
        case .firstOrder(let method, .muon(let configuration)): (method, configuration)
        }
    }
}
