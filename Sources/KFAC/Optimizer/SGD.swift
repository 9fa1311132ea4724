public import Torch

/// Stochastic gradient descent with momentum: v ← μ v + g, θ ← θ − α v (with Nesterov: θ ← θ − α (g + μ v)).
///
/// Sutskever et al. 2013, in the form that the common frameworks use (the learning rate outside of the velocity).
public final class SGD: Optimizer {
    /// What can be chosen.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The momentum μ.
        public var momentum: Double
        /// Whether the gradient is taken ahead of the velocity.
        public var nesterov: Bool
        /// The weight of ½‖θ‖², whose gradient is added to the loss's.
        public var weightDecay: Double

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 0.1, momentum: Double = 0.9, nesterov: Bool = false, weightDecay: Double = 0
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.nesterov = nesterov
            self.weightDecay = weightDecay
        }
    }

    /// What was chosen; may be changed between steps.
    public var configuration: Configuration
    public private(set) var stepCount = 0

    private let parameters: [NamedParameter]
    private var velocities: [Tensor] = []

    /// Creates an optimiser of those of the given parameters that require a gradient.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        self.parameters = parameters.filter(\.tensor.requiresGradient)
        self.configuration = configuration
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport {
        let rate = configuration.learningRate(stepCount)
        var (report, gradients) = try firstOrderPass(
            parameters, step: stepCount, learningRate: rate, momentum: configuration.momentum, loss)
        report.time(.update) {
            withoutGradients {
                for (index, parameter) in parameters.enumerated() {
                    let theta = parameter.tensor
                    let decay = configuration.weightDecay
                    let gradient = decay == 0 ? gradients[index] : gradients[index] + theta * decay
                    if stepCount == 0 {
                        velocities.append(gradient.copy())
                    } else {
                        velocities[index].multiply(inPlace: configuration.momentum)
                        velocities[index].add(inPlace: gradient)
                    }
                    if configuration.nesterov {
                        theta.add(inPlace: gradient, scale: -rate)
                        theta.add(inPlace: velocities[index], scale: -rate * configuration.momentum)
                    } else {
                        theta.add(inPlace: velocities[index], scale: -rate)
                    }
                }
            }
        }
        stepCount += 1
        return report
    }
}
