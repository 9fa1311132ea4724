public import Torch

/// K-FAC: the natural gradient with a Kronecker-factored approximation of the Fisher matrix.
public final class KFACOptimizer: Optimizer {
    /// What can be chosen.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate.
        public var learningRate: Schedule
        /// The momentum of the preconditioned gradient.
        public var momentum: Double
        /// The Tikhonov damping λ, in units of the mean loss.
        public var damping: Schedule
        /// The decay ρ of the running averages of the factors, per step.
        public var statisticsDecay: Double
        /// The number of steps between updates of the statistics.
        public var statisticsPeriod: Int
        /// The number of steps between updates of the inverses.
        public var inversePeriod: Int
        /// The bound on lr² ∇ᵀ F⁻¹ ∇; nil for none.
        public var normConstraint: Double?

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 0.1, momentum: Double = 0.9, damping: Schedule = 0.01,
            statisticsDecay: Double = 0.95, statisticsPeriod: Int = 1, inversePeriod: Int = 10,
            normConstraint: Double? = nil
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.damping = damping
            self.statisticsDecay = statisticsDecay
            self.statisticsPeriod = statisticsPeriod
            self.inversePeriod = inversePeriod
            self.normConstraint = normConstraint
        }
    }

    /// What was chosen; may be changed between steps.
    public var configuration: Configuration
    public private(set) var stepCount = 0

    /// Creates an optimiser of the given parameters.
    ///
    /// - Parameter generator: Draws the targets that the curvature is estimated with.
    public init(
        _ parameters: [NamedParameter], configuration: Configuration = Configuration(),
        generator: RandomGenerator = RandomGenerator(seed: 0)
    ) {
        self.configuration = configuration
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport { fatalError("being written") }
}
