import Foundation
public import Torch

/// Adam (Kingma & Ba 2015), with the decoupled weight decay of Loshchilov & Hutter 2019 where one is given.
public final class Adam: Optimizer {
    /// What can be chosen.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The decay of the mean of the gradients.
        public var beta1: Double
        /// The decay of the mean of their squares.
        public var beta2: Double
        /// Added to the root of the mean square.
        public var epsilon: Double
        /// The share of each parameter, times the learning rate, that goes at each step.
        public var weightDecay: Double

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 1e-3, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8,
            weightDecay: Double = 0
        ) {
            self.learningRate = learningRate
            self.beta1 = beta1
            self.beta2 = beta2
            self.epsilon = epsilon
            self.weightDecay = weightDecay
        }
    }

    /// What was chosen; may be changed between steps.
    public var configuration: Configuration
    public private(set) var stepCount = 0

    private let parameters: [NamedParameter]
    private let means: [Tensor]
    private let squares: [Tensor]

    /// Creates an optimiser of those of the given parameters that require a gradient.
    public init(_ parameters: [NamedParameter], configuration: Configuration = Configuration()) {
        self.parameters = parameters.filter(\.tensor.requiresGradient)
        self.configuration = configuration
        means = self.parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
        squares = self.parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport {
        let rate = configuration.learningRate(stepCount)
        var (report, gradients) = try firstOrderPass(
            parameters, step: stepCount, learningRate: rate, momentum: configuration.beta1, loss)
        stepCount += 1
        let (beta1, beta2) = (configuration.beta1, configuration.beta2)
        let meanBias = 1 - pow(beta1, Double(stepCount))
        let squareBias = 1 - pow(beta2, Double(stepCount))
        report.time(.update) {
            withoutGradients {
                for (index, parameter) in parameters.enumerated() {
                    let theta = parameter.tensor
                    let gradient = gradients[index]
                    if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
                    means[index].interpolate(inPlaceTowards: gradient, weight: 1 - beta1)
                    squares[index].multiply(inPlace: beta2)
                    squares[index].add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
                    let root = (squares[index] / squareBias).squareRoot() + configuration.epsilon
                    theta.add(inPlace: means[index] / root, scale: -rate / meanBias)
                }
            }
        }
        return report
    }
}
