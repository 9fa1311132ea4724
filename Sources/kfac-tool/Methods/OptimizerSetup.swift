import FirstOrder
import KFAC
import Torch

/// An optimiser that is chosen and configured, but not made yet.
struct OptimizerSetup: Encodable {
    private let method: OptimizationMethod
    private let configuration: any Encodable
    /// Those of a first-order method; K-FAC's are in its configuration.
    private let guards: Guards?
    private let makeOptimizer: ([NamedParameter], RandomGenerator) -> any Optimizer

    /// K-FAC.
    init(_ method: OptimizationMethod, _ configuration: KFACOptimizer.Configuration) {
        self.method = method
        self.configuration = configuration
        guards = nil
        makeOptimizer = { KFACOptimizer($0, configuration: configuration, generator: $1) }
    }

    /// A method that needs the gradient only.
    ///
    /// - Parameter configuration: That of the rule.
    init(_ settings: MethodSettings, _ rule: FirstOrderRule, _ configuration: any Encodable) {
        method = settings.options.optimizer
        self.configuration = configuration
        let guards = settings.guards
        self.guards = guards
        makeOptimizer = { parameters, _ in
            let optimizer = FirstOrderOptimizer(parameters, rule: rule)
            optimizer.guards = guards
            return optimizer
        }
    }

    /// Makes the optimiser.
    ///
    /// - Parameter generator: Draws what the method draws, on the parameters' device.
    func make(_ parameters: [NamedParameter], generator: RandomGenerator) -> any Optimizer {
        makeOptimizer(parameters, generator)
    }

    private enum CodingKeys: String, CodingKey {
        case method
        case guards
    }

    /// Writes the configuration and, beside it, the method's name and the guards.
    func encode(to encoder: any Encoder) throws {
        try configuration.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(method.name, forKey: .method)
        try container.encodeIfPresent(guards, forKey: .guards)
    }
}
