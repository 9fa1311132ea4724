import ArgumentParser
import KFAC

/// How K-FAC learns; what is not given is the problem's default.
struct KFACOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "How a preconditioned gradient becomes a step: by a given learning rate and momentum (fixed), with the "
                + "momentum before preconditioning (gradient-momentum), or by the minimum of the exact quadratic model "
                + "(quadratic-model; the learning rate then multiplies its step). \(KFACDefaults.forHelp(\.rule))",
            valueName: "rule"))
    var stepRule: StepRuleName?

    @Option(
        help: ArgumentHelp(
            "What is added to the curvature of the mean loss, at the beginning. \(KFACDefaults.forHelp(\.damping))"))
    var damping: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the damping stays, or follows how well the quadratic model foretells the loss. "
                + KFACDefaults.forHelp(\.dampingRule), valueName: "rule"))
    var dampingRule: DampingRuleName?

    @Option(
        help: ArgumentHelp(
            "For --damping-rule adaptive: the number of steps between adaptations. "
                + KFACDefaults.forHelp(\.dampingInterval), valueName: "steps"))
    var dampingInterval: Int?

    @Option(
        help: ArgumentHelp(
            "For --damping-rule adaptive: what the damping is multiplied by for each step of the interval where it "
                + "falls, and divided by where it rises. \(KFACDefaults.forHelp(\.dampingDecay))", valueName: "factor"))
    var dampingDecay: Double?

    @Option(
        help: ArgumentHelp(
            "For --damping-rule adaptive: the damping does not fall below. "
                + KFACDefaults.forHelp(\.minimumDamping), valueName: "damping"))
    var minimumDamping: Double?

    @Option(
        help: ArgumentHelp(
            "How the two factors of a layer share the damping: by their traces (trace-ratio), evenly (even), or not, "
                + "the product being damped in its eigenbasis (exact). (default: trace-ratio)", valueName: "split"))
    var dampingSplit: DampingSplitName?

    @Option(
        help: ArgumentHelp(
            "The bound on the squared length of a step in the metric of the Fisher matrix; for a learning rate that "
                + "is given. \(KFACDefaults.forHelp(\.normConstraint))", valueName: "bound"))
    var normConstraint: Double?

    @Option(
        help: ArgumentHelp(
            "The targets that curvature is estimated with: drawn from the model (sampled), the data's (empirical), all "
                + "(exact), or random combinations of all (curvature-propagation). (default: sampled)",
            valueName: "estimation"))
    var estimation: EstimationName?

    @Option(
        help: ArgumentHelp(
            "The number of steps between updates of the statistics. (default: \(KFACDefaults.statisticsPeriod))",
            valueName: "steps"))
    var statisticsPeriod: Int?

    @Option(
        help: ArgumentHelp(
            "The share of the batch that statistics are of. \(KFACDefaults.forHelp(\.statisticsFraction))",
            valueName: "share"))
    var statisticsFraction: Double?

    @Option(
        help: ArgumentHelp(
            "The share of the batch that the quadratic model is of. \(KFACDefaults.forHelp(\.modelFraction))",
            valueName: "share"))
    var modelFraction: Double?

    @Option(
        help: ArgumentHelp(
            "When inverses are computed: all every --inverse-period steps (together), some at each step "
                + "(round-robin), on another thread (background), or when a probe finds a layer's inverse stale, "
                + "and every --inverse-period steps in any case (when-stale). (default: together)",
            valueName: "schedule"))
    var inverseSchedule: InverseScheduleName?

    @Option(
        help: ArgumentHelp(
            "For --inverse-schedule when-stale: the greatest relative error of an inverse. (default: 0.25)",
            valueName: "error"))
    var staleness: Double?

    @Option(
        help: ArgumentHelp(
            "The number of first steps that average statistics only. (default: 0)", valueName: "steps"))
    var burnIn: Int?

    @Option(
        name: .customLong("l2"),
        help: ArgumentHelp(
            "The weight of half the parameters' squared norm in what is minimised. \(KFACDefaults.forHelp(\.l2))",
            valueName: "weight"))
    var l2: Double?

    func validate() throws {
        try require("--damping", damping, "positive") { $0 > 0 }
        try require("--damping-decay", dampingDecay, "above 0 and below 1") { $0 > 0 && $0 < 1 }
        try require("--minimum-damping", minimumDamping, "positive") { $0 > 0 }
        try require("--norm-constraint", normConstraint, "positive") { $0 > 0 }
        try require("--statistics-fraction", statisticsFraction, "above 0 and at most 1") { $0 > 0 && $0 <= 1 }
        try require("--model-fraction", modelFraction, "above 0 and at most 1") { $0 > 0 && $0 <= 1 }
        try require("--l2", l2, "at least 0") { $0 >= 0 }
        try require("--staleness", staleness, "at least 0") { $0 >= 0 }
        if staleness != nil, inverseSchedule != .whenStale {
            throw ValidationError("--staleness is for --inverse-schedule when-stale only.")
        }
        if let statisticsPeriod { try check("--statistics-period", statisticsPeriod, in: 1...1_000_000) }
        if let dampingInterval { try check("--damping-interval", dampingInterval, in: 1...1_000_000) }
        if let burnIn { try check("--burn-in", burnIn, in: 0...1_000_000) }
    }

    private func require(
        _ option: String, _ number: Double?, _ bounds: String, _ isGood: (Double) -> Bool
    ) throws {
        guard let number, !(isGood(number) && number.isFinite) else { return }
        throw ValidationError("\(option) must be \(bounds); \(number) was given.")
    }

    /// The options that were given.
    var given: [String] {
        let all: [(String, Bool)] = [
            ("--step-rule", stepRule != nil), ("--damping", damping != nil), ("--damping-rule", dampingRule != nil),
            ("--damping-interval", dampingInterval != nil), ("--damping-decay", dampingDecay != nil),
            ("--minimum-damping", minimumDamping != nil), ("--damping-split", dampingSplit != nil),
            ("--norm-constraint", normConstraint != nil), ("--estimation", estimation != nil),
            ("--statistics-period", statisticsPeriod != nil), ("--statistics-fraction", statisticsFraction != nil),
            ("--model-fraction", modelFraction != nil), ("--inverse-schedule", inverseSchedule != nil),
            ("--staleness", staleness != nil),
            ("--burn-in", burnIn != nil), ("--l2", l2 != nil),
        ]
        return all.filter(\.1).map(\.0)
    }

    /// K-FAC's configuration.
    ///
    /// - Parameters:
    ///   - defaults: The problem's.
    ///   - learningRate: How the learning rate goes on, from where it begins.
    ///   - momentum: The momentum of rules that are given one; nil for the best one of a quadratic model.
    ///   - inversePeriod: The number of steps between updates of an inverse.
    ///   - layers: Which approximation each layer gets.
    func configuration(
        _ defaults: KFACDefaults, learningRate: (_ from: Double) -> Schedule, rate: Double?, momentum: Double?,
        inversePeriod: Int?, layers: LayerChoices
    ) -> KFACOptimizer.Configuration {
        let initial = damping ?? defaults.damping
        let damping: Damping =
            switch dampingRule ?? defaults.dampingRule {
            case .fixed: .constant(initial)
            case .adaptive:
                .adaptive(
                    LevenbergMarquardt(
                        initial: initial, interval: dampingInterval ?? defaults.dampingInterval,
                        decay: dampingDecay ?? defaults.dampingDecay,
                        minimum: minimumDamping ?? defaults.minimumDamping))
            }
        let fixedRate = learningRate(rate ?? defaults.learningRate)
        let fixedMomentum = Schedule.constant(momentum ?? defaults.momentum)
        let rule: StepRule =
            switch stepRule ?? defaults.rule {
            case .fixed: .fixed(learningRate: fixedRate, momentum: fixedMomentum)
            case .gradientMomentum: .momentumOfGradients(learningRate: fixedRate, momentum: fixedMomentum)
            case .quadraticModel:
                .quadraticModel(
                    QuadraticModelRule(
                        momentum: momentum.map { .fixed(.constant($0)) } ?? .optimal,
                        fraction: modelFraction ?? defaults.modelFraction, rescaling: learningRate(rate ?? 1)))
            }
        let period = inversePeriod ?? defaults.inversePeriod
        let inverses: InverseSchedule =
            switch inverseSchedule ?? .together {
            case .together: .together(every: period)
            case .roundRobin: .roundRobin(every: period)
            case .background: .background(every: period, after: max(1, period / 2))
            case .whenStale: .whenStale(beyond: staleness ?? 0.25, atMost: period)
            }
        return KFACOptimizer.Configuration(
            rule: rule, damping: damping, estimation: (estimation ?? .sampled).estimation,
            statisticsPeriod: statisticsPeriod ?? KFACDefaults.statisticsPeriod,
            statisticsFraction: statisticsFraction ?? defaults.statisticsFraction, burnIn: burnIn ?? 0,
            inverses: inverses, clipping: .norm(normConstraint ?? defaults.normConstraint),
            regularization: Regularization(l2: l2 ?? defaults.l2),
            factors: FactorSettings(dampingSplit: (dampingSplit ?? .traceRatio).split), layers: layers)
    }
}
