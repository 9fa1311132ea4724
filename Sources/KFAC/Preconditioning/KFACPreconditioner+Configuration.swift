public import FirstOrder
public import Optimization

extension KFACPreconditioner {
    /// The settings.
    ///
    /// The names mean what they do in ``KFACOptimizer/Configuration``; steps are updates.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The damping λ by update, added to the curvature of the *mean* loss.
        public var damping: Schedule
        /// What the eigenvalues of the curvature come from: K-FAC or EK-FAC.
        public var eigenvalues: EigenvalueSource
        /// How the curvature is estimated.
        public var estimation: Estimation
        /// Which matrix is estimated.
        public var matrix: CurvatureMatrix
        /// The decay ρ of the running averages of the factors, for each update of the statistics.
        public var statisticsDecay: Double
        /// The number of updates between those that move the statistics.
        public var statisticsPeriod: Int
        /// When inverses are computed again.
        public var inverses: InverseSchedule
        /// How the factors average, and how a block's factors share the damping.
        public var factors: FactorSettings
        /// Which approximation each layer gets, and which parameters are left alone.
        public var layers: LayerChoices
        /// The guards against numbers that are not finite or not plausible.
        public var guards: Guards

        /// Creates a configuration.
        public init(
            damping: Schedule = 0.1, eigenvalues: EigenvalueSource = .factors, estimation: Estimation = .sampled(),
            matrix: CurvatureMatrix = .fisher, statisticsDecay: Double = 0.95, statisticsPeriod: Int = 1,
            inverses: InverseSchedule = .together(every: 10), factors: FactorSettings = FactorSettings(),
            layers: LayerChoices = LayerChoices(), guards: Guards = Guards()
        ) {
            self.damping = damping
            self.eigenvalues = eigenvalues
            self.estimation = estimation
            self.matrix = matrix
            self.statisticsDecay = statisticsDecay
            self.statisticsPeriod = statisticsPeriod
            self.inverses = inverses
            self.factors = factors
            self.layers = layers
            self.guards = guards
        }

        /// The same for an optimiser that never moves anything.
        var ofOptimizer: KFACOptimizer.Configuration {
            KFACOptimizer.Configuration(
                // The rule decides about thin forms of the batch's gradient: any gradient may come here.
                rule: .momentumOfGradients(learningRate: 0, momentum: 0), damping: .scheduled(damping),
                eigenvalues: eigenvalues, estimation: estimation, matrix: matrix, statisticsDecay: statisticsDecay,
                statisticsPeriod: statisticsPeriod, inverses: inverses, clipping: .none, factors: factors,
                layers: layers, firstOrderRule: .sgd(SGD.Configuration(learningRate: 0)), guards: guards)
        }
    }
}
