public import FirstOrder
public import Optimization

extension KFACOptimizer {
    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// How a preconditioned gradient becomes a step: learning rate and momentum.
        public var rule: StepRule
        /// The damping λ, added to the curvature of the *mean* loss.
        public var damping: Damping
        /// The damping of the curvature that preconditions.
        public var preconditionerDamping: PreconditionerDamping
        /// What the eigenvalues of the curvature that preconditions come from: K-FAC or EK-FAC.
        public var eigenvalues: EigenvalueSource
        /// How the curvature is estimated.
        public var estimation: Estimation
        /// Which matrix is estimated; both are the same for losses of natural parameters.
        public var matrix: CurvatureMatrix
        /// The decay ρ of the running averages of the factors, for each update of the statistics.
        public var statisticsDecay: Double
        /// The number of steps between updates of the statistics; ``InverseSchedule/growing(every:)`` adds some.
        public var statisticsPeriod: Int
        /// The share τ₁ of the batch that statistics are taken of, from above 0 to 1.
        ///
        /// Less than 1 needs ``/Optimization/Optimizer/step(examples:_:)``, which can run a part of the batch.
        public var statisticsFraction: Double
        /// The number of first steps that only average statistics and leave the parameters as they are.
        ///
        /// They count as steps for schedules, but not for ``inverses`` and the adaptation of the damping.
        public var burnIn: Int
        /// When inverses are computed again.
        public var inverses: InverseSchedule
        /// How a step is kept from being too long.
        public var clipping: Clipping
        /// The regularisation of the parameters.
        public var regularization: Regularization
        /// Parameters that are treated otherwise than the rest; the first group that names a parameter decides.
        public var groups: [ParameterGroup]
        /// How the factors average, and how a block's factors share the damping.
        public var factors: FactorSettings
        /// Which approximation each layer gets, which parameters are linked, and which are left alone.
        public var layers: LayerChoices

        /// The rule for parameters that have no block: ``/Curvature/LayerChoices/firstOrder`` and
        /// ``/Curvature/LayerChoices/unknown``.
        public var firstOrderRule: FirstOrderRule

        /// The guards against numbers that are not finite or not plausible.
        public var guards: Guards

        /// Creates a configuration.
        public init(
            rule: StepRule = .fixed(), damping: Damping = 0.1,
            preconditionerDamping: PreconditionerDamping = .proportional(),
            eigenvalues: EigenvalueSource = .factors, estimation: Estimation = .sampled(),
            matrix: CurvatureMatrix = .fisher, statisticsDecay: Double = 0.95, statisticsPeriod: Int = 1,
            statisticsFraction: Double = 1, burnIn: Int = 0, inverses: InverseSchedule = .together(every: 10),
            clipping: Clipping = .norm(0.003), regularization: Regularization = Regularization(),
            groups: [ParameterGroup] = [], factors: FactorSettings = FactorSettings(),
            layers: LayerChoices = LayerChoices(), firstOrderRule: FirstOrderRule = .adam(Adam.Configuration()),
            guards: Guards = Guards()
        ) {
            self.rule = rule
            self.damping = damping
            self.preconditionerDamping = preconditionerDamping
            self.eigenvalues = eigenvalues
            self.estimation = estimation
            self.matrix = matrix
            self.statisticsDecay = statisticsDecay
            self.statisticsPeriod = statisticsPeriod
            self.statisticsFraction = statisticsFraction
            self.burnIn = burnIn
            self.inverses = inverses
            self.clipping = clipping
            self.regularization = regularization
            self.groups = groups
            self.factors = factors
            self.layers = layers
            self.firstOrderRule = firstOrderRule
            self.guards = guards
        }

        /// Creates a configuration of the most used choices: momentum after preconditioning, and everything else as by
        /// default.
        public init(learningRate: Schedule, momentum: Schedule = 0.9, damping: Damping = 0.1) {
            self.init(rule: .fixed(learningRate: learningRate, momentum: momentum), damping: damping)
        }
    }
}

extension KFACOptimizer.Configuration {
    /// What is applied to gradients.
    var curvatureForm: CurvatureForm {
        if case .eigenbasisMoments = rule { return .eigenbasis }
        return eigenvalues == .examples ? .correctedEigenbasis : .inverse
    }

    /// The part that decides about the curvature.
    var ofCurvature: ModelCurvature.Configuration {
        ModelCurvature.Configuration(
            estimation: estimation, matrix: matrix, statisticsDecay: statisticsDecay, factors: factors, layers: layers)
    }
}

extension KFACOptimizer.Configuration: CheckedSettings {
    package var defect: String? {
        [
            rule.defect, damping.defect, preconditionerDamping.defect, estimation.defect,
            SettingBounds.statisticsDecay.defect("the decay of the statistics", statisticsDecay),
            SettingBounds.period.defect("the period of the statistics", statisticsPeriod),
            SettingBounds.fraction.defect("the share of the batch for statistics", statisticsFraction),
            SettingBounds.firstSteps.defect("the burn-in", burnIn),
            inverses.defect, clipping.defect, regularization.defect, factors.defect,
            firstOrderRule.defect.map { "the first-order rule: \($0)" }, guards.defect,
        ].firstDefect ?? groups.lazy.compactMap(\.defect).first ?? searchDefect ?? effectDefect
    }

    /// A choice that can have no effect beside the others.
    private var effectDefect: String? {
        guard case .eigenbasisMoments = rule else {
            if eigenvalues == .examples, case .whenStale = inverses {
                return "eigenvalues from examples have no inverses that .whenStale could probe: choose another schedule"
            }
            return nil
        }
        if eigenvalues == .examples {
            return "the rule .eigenbasisMoments uses the bases alone: leave eigenvalues out, or choose another rule"
        }
        if case .adaptive = damping {
            return "the rule .eigenbasisMoments has no damping to adapt: leave .adaptive out, or choose another rule"
        }
        if case .whenStale = inverses {
            return "the rule .eigenbasisMoments has no inverses that .whenStale could probe: choose another schedule"
        }
        return nil
    }

    private var searchDefect: String? {
        guard case .adaptive = preconditionerDamping else { return nil }
        if eigenvalues == .examples {
            return "the search for the preconditioner's damping compares inverses: leave eigenvalues out, or .adaptive"
        }
        guard !rule.isQuadraticModel else { return nil }
        return "the search for the preconditioner's damping needs the rule .quadraticModel, which compares"
    }

    /// Stops the program where something has changed that an optimiser looks at only when it is made.
    func requireFixed(since old: KFACOptimizer.Configuration) {
        let changed = [
            ("layers", layers == old.layers), ("factors", factors == old.factors),
            ("firstOrderRule", firstOrderRule == old.firstOrderRule),
        ].filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "KFACOptimizer")
    }
}
