import ArgumentParser
import KFAC
import Training

/// How K-FAC learns; what is not given is the problem's default.
struct KFACOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How a preconditioned gradient becomes a step: by a given learning rate and momentum (fixed), with the "
                + "momentum before preconditioning (gradient-momentum), by the minimum of the exact quadratic model "
                + "(quadratic-model; the learning rate then multiplies its step), by Adam's moments in the eigenbasis of "
                + "the curvature, without damping (eigenbasis-moments), or with the length of Adam's step in each layer "
                + "(grafted). \(KFACDefaults.forHelp(\.stepRule))",
            valueName: "rule"))
    var stepRule: StepRuleName?

    @Flag(help: "For --step-rule eigenbasis-moments: leave coordinates whose step is against the gradient as they are.")
    var cautious = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number that is added to the curvature of the mean loss, initially; for --damping-rule relative, in "
                + "units of the mean eigenvalue of each layer. "
                + KFACDefaults.forHelp(\.damping)),
        transform: SettingBounds.damping.withoutLowerBound.number)
    var damping: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the damping stays (fixed), follows how well the quadratic model predicts the loss (adaptive), or "
                + "is relative to each layer's own curvature (relative). "
                + KFACDefaults.forHelp(\.dampingRule), valueName: "rule"))
    var dampingRule: DampingRuleName?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "For --damping-rule adaptive: the number of steps between adaptations. "
                + KFACDefaults.forHelp(\.dampingInterval), valueName: "steps"),
        transform: SettingBounds.period.count)
    var dampingInterval: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "For --damping-rule adaptive: the factor for each step of the interval by which the damping is "
                + "multiplied to fall, and divided to rise. \(KFACDefaults.forHelp(\.dampingDecay))",
            valueName: "factor"),
        transform: SettingBounds.dampingDecay.number)
    var dampingDecay: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "For --damping-rule adaptive: the least damping. "
                + KFACDefaults.forHelp(\.minimumDamping), valueName: "damping"),
        transform: SettingBounds.damping.withoutLowerBound.number)
    var minimumDamping: Double?

    @Option(
        help: ArgumentHelp(
            "How the two factors of a layer share the damping: by their traces (trace-ratio), evenly (even), or not, "
                + "the product being damped in its eigenbasis (exact). \(KFACDefaults.forHelp(\.dampingSplit))",
            valueName: "split"))
    var dampingSplit: DampingSplitName?

    @Option(
        help: ArgumentHelp(
            "What the eigenvalues of the curvature come from: the factors (factors, K-FAC), or the gradients of the "
                + "examples in the factors' eigenbasis (examples, EK-FAC), which costs an eigendecomposition in the "
                + "place of inverses. \(KFACDefaults.forHelp(\.eigenvalues))", valueName: "source"))
    var eigenvalues: EigenvalueSourceName?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The bound on the squared length of a step in the metric of the Fisher matrix; for a learning rate that "
                + "is given. \(KFACDefaults.forHelp(\.normConstraint))", valueName: "bound"),
        transform: SettingBounds.clipping.number)
    var normConstraint: Double?

    @Option(
        help: ArgumentHelp(
            "The targets that curvature is estimated with: drawn from the model (sampled), the data's (empirical), all "
                + "(exact), or random combinations of all (curvature-propagation). "
                + KFACDefaults.forHelp(\.estimation),
            valueName: "estimation"))
    var estimation: EstimationName?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of steps between updates of the statistics. \(KFACDefaults.forHelp(\.statisticsPeriod))",
            valueName: "steps"),
        transform: SettingBounds.period.count)
    var statisticsPeriod: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The share of the batch for statistics. \(KFACDefaults.forHelp(\.statisticsFraction))",
            valueName: "share"),
        transform: SettingBounds.fraction.number)
    var statisticsFraction: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The share of the batch for the quadratic model. \(KFACDefaults.forHelp(\.modelFraction))",
            valueName: "share"),
        transform: SettingBounds.fraction.number)
    var modelFraction: Double?

    @Option(
        help: ArgumentHelp(
            "When inverses are computed: all every --inverse-period steps (together), the same after ever more "
                + "of the first steps (growing), some at each step (round-robin), on another thread (background), or when a probe finds a layer's inverse stale, "
                + "and every --inverse-period steps in any case (when-stale). \(KFACDefaults.forHelp(\.inverseSchedule))",
            valueName: "schedule"))
    var inverseSchedule: InverseScheduleName?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "For --inverse-schedule when-stale: the greatest relative error of an inverse. "
                + KFACDefaults.forHelp(\.staleness),
            valueName: "error"),
        transform: SettingBounds.staleness.number)
    var staleness: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of initial steps that only average statistics. \(KFACDefaults.forHelp(\.burnIn))",
            valueName: "steps"),
        transform: SettingBounds.firstSteps.count)
    var burnIn: Int?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The largest number of rows of a layer's factor that is kept with all its entries; larger ones are kept as "
                + "dense blocks along the diagonal, which takes less memory and time. "
                + KFACDefaults.forHelp(\.dimensionLimit),
            valueName: "rows"),
        transform: SettingBounds.dimension.count)
    var dimensionLimit: Int?

    @Option(
        name: .customLong("l2"),
        parsing: .unconditional,
        help: ArgumentHelp(
            "The weight of half the parameters' squared norm in the objective. \(KFACDefaults.forHelp(\.l2))",
            valueName: "weight"),
        transform: SettingBounds.l2.number)
    var l2: Double?

    /// The options that have no effect beside the others.
    ///
    /// - Parameter defaults: What holds where nothing is given.
    func misplaced(_ defaults: KFACDefaults) -> [MisplacedOption] {
        let defaults = defaults.beside(stepRule)
        guard defaults.stepRule != .eigenbasisMoments else { return misplacedBesideMoments }
        let isAdaptive = (dampingRule ?? defaults.dampingRule) == .adaptive
        let hasModel = defaults.stepRule == .quadraticModel
        let isCorrected = (eigenvalues ?? defaults.eigenvalues) == .examples
        return [
            ("--damping-interval", dampingInterval != nil, isAdaptive, "--damping-rule adaptive"),
            ("--damping-decay", dampingDecay != nil, isAdaptive, "--damping-rule adaptive"),
            ("--minimum-damping", minimumDamping != nil, isAdaptive, "--damping-rule adaptive"),
            ("--model-fraction", modelFraction != nil, hasModel, "--step-rule quadratic-model"),
            (
                "--norm-constraint", normConstraint != nil, !hasModel && defaults.stepRule != .grafted,
                "--step-rule fixed or gradient-momentum"
            ),
            ("--staleness", staleness != nil, inverseSchedule == .whenStale, "--inverse-schedule when-stale"),
            ("--damping-split", dampingSplit != nil, !isCorrected, "--eigenvalues factors"),
            (
                "--inverse-schedule when-stale", inverseSchedule == .whenStale, !isCorrected, "--eigenvalues factors"
            ),
            ("--cautious", cautious, false, "--step-rule eigenbasis-moments"),
        ].compactMap { MisplacedOption($0, isGiven: $1, hasEffect: $2, isFor: $3) } + relativeBesideModel(hasModel)
    }

    /// A relative damping beside a quadratic model, which is of all layers at once.
    private func relativeBesideModel(_ hasModel: Bool) -> [MisplacedOption] {
        guard hasModel, dampingRule == .relative else { return [] }
        return [
            MisplacedOption(
                "--damping-rule",
                "--damping-rule relative is for --step-rule fixed, gradient-momentum or grafted only.")
        ]
    }

    /// The options about damped inverses, which moments in an eigenbasis do without.
    private var misplacedBesideMoments: [MisplacedOption] {
        let rule =
            stepRule == nil
            ? "--step-rule eigenbasis-moments, the default: add --step-rule fixed or another one"
            : "--step-rule eigenbasis-moments"
        let list = [
            ("--damping", damping != nil), ("--damping-rule", dampingRule != nil),
            ("--damping-interval", dampingInterval != nil), ("--damping-decay", dampingDecay != nil),
            ("--minimum-damping", minimumDamping != nil), ("--damping-split", dampingSplit != nil),
            ("--eigenvalues", eigenvalues != nil), ("--norm-constraint", normConstraint != nil),
            ("--model-fraction", modelFraction != nil),
            ("--staleness", staleness != nil),
        ].filter(\.1).map { MisplacedOption($0.0, "\($0.0) has no effect with \(rule).") }
        guard inverseSchedule == .whenStale else { return list }
        return list + [
            MisplacedOption(
                "--inverse-schedule",
                "--inverse-schedule when-stale has no effect with --step-rule eigenbasis-moments: choose another schedule."
            )
        ]
    }

    /// Checks that the damping's minimum is not above its beginning.
    func requireOrder(_ defaults: KFACDefaults) throws {
        let defaults = defaults.beside(stepRule)
        guard defaults.stepRule != .eigenbasisMoments else { return }
        guard (dampingRule ?? defaults.dampingRule) == .adaptive else { return }
        let (minimum, initial) = (minimumDamping ?? defaults.minimumDamping, damping ?? defaults.damping)
        guard minimum > initial else { return }
        throw ValidationError(
            "--minimum-damping must be at most --damping; the minimum is \(minimum) and the damping \(initial).")
    }

    /// K-FAC's configuration.
    func configuration(_ settings: MethodSettings) -> KFACOptimizer.Configuration {
        let defaults = settings.problem.kfac.beside(stepRule)
        let initial = damping ?? defaults.damping
        let damping: Damping =
            switch dampingRule ?? defaults.dampingRule {
            case .fixed, .relative: .constant(initial)
            case .adaptive:
                .adaptive(
                    LevenbergMarquardt(
                        initial: initial, interval: dampingInterval ?? defaults.dampingInterval,
                        decay: dampingDecay ?? defaults.dampingDecay,
                        minimum: minimumDamping ?? defaults.minimumDamping))
            }
        let momentum = Schedule.constant(settings.momentum)
        let rule: StepRule =
            switch defaults.stepRule {
            case .fixed: .fixed(learningRate: settings.learningRate, momentum: momentum)
            case .gradientMomentum: .momentumOfGradients(learningRate: settings.learningRate, momentum: momentum)
            case .quadraticModel:
                .quadraticModel(
                    QuadraticModelRule(
                        momentum: settings.options.momentum.map { .fixed(.constant($0)) } ?? .optimal,
                        fraction: modelFraction ?? defaults.modelFraction,
                        rescaling: settings.schedule(from: settings.options.learningRate ?? 1)))
            case .eigenbasisMoments:
                .eigenbasisMoments(
                    EigenbasisMoments(
                        learningRate: settings.learningRate, beta1: settings.momentum, cautious: cautious))
            case .grafted:
                .grafted(GraftedDirection(learningRate: settings.learningRate, beta1: settings.momentum))
            }
        let isRelative = (dampingRule ?? defaults.dampingRule) == .relative
        let period = settings.inversePeriod
        let inverses: InverseSchedule =
            switch inverseSchedule ?? defaults.inverseSchedule {
            case .together: .together(every: period)
            case .growing: .growing(every: period)
            case .roundRobin: .roundRobin(every: period)
            case .background: .background(every: period, after: max(1, period / 2))
            case .whenStale: .whenStale(beyond: staleness ?? defaults.staleness, atMost: period)
            }
        return KFACOptimizer.Configuration(
            rule: rule, damping: damping,
            preconditionerDamping: isRelative ? .relative(.constant(initial)) : .proportional(),
            eigenvalues: (eigenvalues ?? defaults.eigenvalues).source,
            estimation: (estimation ?? defaults.estimation).estimation,
            statisticsPeriod: statisticsPeriod ?? defaults.statisticsPeriod,
            statisticsFraction: statisticsFraction ?? defaults.statisticsFraction,
            burnIn: burnIn ?? defaults.burnIn, inverses: inverses,
            // A quadratic model finds the length of a step itself.
            clipping: rule.isClipped ? .norm(normConstraint ?? defaults.normConstraint) : .none,
            regularization: Regularization(l2: l2 ?? defaults.l2), factors: factors(defaults),
            layers: settings.layers, guards: settings.guards)
    }

    private func factors(_ defaults: KFACDefaults) -> FactorSettings {
        let limit = dimensionLimit ?? defaults.dimensionLimit
        var factors = FactorSettings(
            dampingSplit: (dampingSplit ?? defaults.dampingSplit).split, dimensionLimit: limit)
        // Blocks are no larger than what is kept whole.
        factors.blockSize = min(factors.blockSize, limit)
        return factors
    }
}
