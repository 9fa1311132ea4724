import KFAC
import Torch

/// An optimiser that is chosen and configured, but not made yet.
enum OptimizerSetup: Encodable {
    case kfac(KFACOptimizer.Configuration)
    case sgd(SGD.Configuration)
    case adam(Adam.Configuration)

    /// Makes the optimiser.
    ///
    /// - Parameter generator: Draws what the method draws, on the parameters' device.
    func make(_ parameters: [NamedParameter], generator: RandomGenerator) -> any Optimizer {
        switch self {
        case .kfac(let configuration):
            KFACOptimizer(parameters, configuration: configuration, generator: generator)
        case .sgd(let configuration): SGD(parameters, configuration: configuration)
        case .adam(let configuration): Adam(parameters, configuration: configuration)
        }
    }

    private enum CodingKeys: String, CodingKey {
        case method
    }

    /// Writes the configuration and, beside it, the method's name.
    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .kfac(let configuration):
            try configuration.encode(to: encoder)
            try container.encode("kfac", forKey: .method)
        case .sgd(let configuration):
            try configuration.encode(to: encoder)
            try container.encode("sgd", forKey: .method)
        case .adam(let configuration):
            try configuration.encode(to: encoder)
            try container.encode("adam", forKey: .method)
        }
    }
}
