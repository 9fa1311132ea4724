import ArgumentParser
import KFAC

/// How to learn.
struct OptimizerOptions: ParsableArguments {
    @Option(help: "The method.")
    var optimizer = OptimizationMethod.kfac

    @Option(help: ArgumentHelp("The learning rate at the beginning. \(learningRates)", valueName: "rate"))
    var learningRate: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the learning rate stays or falls to zero over the run, in a straight line or half a cosine wave. "
                + byMethod(\.decay.rawValue), valueName: "schedule"))
    var learningRateSchedule: LearningRateDecay?

    @Option(help: ArgumentHelp("The momentum; for adam, the decay of the mean. \(byMethod(\.momentum))"))
    var momentum: Double?

    @Option(
        help: ArgumentHelp(
            "For kfac: what is added to the curvature of the mean loss. \(byProblem(\.damping))"))
    var damping: Double?

    @Option(
        help: ArgumentHelp(
            "For kfac: the bound on the squared length of a step in the metric of the Fisher matrix. "
                + byProblem(\.normConstraint), valueName: "bound"))
    var normConstraint: Double?

    @Option(
        help: ArgumentHelp(
            "For kfac: the number of steps between updates of the statistics. "
                + "(default: \(KFACDefaults.statisticsPeriod))",
            valueName: "steps"))
    var statisticsPeriod: Int?

    @Option(
        help: ArgumentHelp(
            "For kfac: the number of steps between updates of the inverses. "
                + "(default: \(KFACDefaults.inversePeriod))",
            valueName: "steps"))
    var inversePeriod: Int?

    func validate() throws {
        if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
            throw ValidationError("--learning-rate must be positive; \(learningRate) was given.")
        }
        if let momentum, !(momentum >= 0 && momentum < 1) {
            throw ValidationError("--momentum must be at least 0 and less than 1; \(momentum) was given.")
        }
        if let damping, !(damping > 0 && damping.isFinite) {
            throw ValidationError("--damping must be positive; \(damping) was given.")
        }
        if let normConstraint, !(normConstraint > 0 && normConstraint.isFinite) {
            throw ValidationError("--norm-constraint must be positive; \(normConstraint) was given.")
        }
        if let statisticsPeriod { try check("--statistics-period", statisticsPeriod, in: 1...1_000_000) }
        if let inversePeriod { try check("--inverse-period", inversePeriod, in: 1...1_000_000) }
        let own = [
            ("--damping", damping != nil), ("--norm-constraint", normConstraint != nil),
            ("--statistics-period", statisticsPeriod != nil),
            ("--inverse-period", inversePeriod != nil),
        ]
        if optimizer != .kfac, let (option, _) = own.first(where: \.1) {
            throw ValidationError("\(option) is for --optimizer kfac only; the optimizer is \(optimizer.rawValue).")
        }
    }

    /// The optimiser's settings for a run of a number of steps on a problem.
    func setup(steps: Int, problem: ProblemName, layers: LayerChoices = LayerChoices()) -> OptimizerSetup {
        let decay = learningRateSchedule ?? optimizer.decay
        let rate = decay.schedule(from: learningRate ?? problem.learningRate(of: optimizer), steps: steps)
        let momentum = momentum ?? optimizer.momentum
        switch optimizer {
        case .kfac:
            return .kfac(
                KFACOptimizer.Configuration(
                    learningRate: rate, momentum: momentum, damping: .constant(damping ?? problem.damping),
                    statisticsPeriod: statisticsPeriod ?? KFACDefaults.statisticsPeriod,
                    inversePeriod: inversePeriod ?? KFACDefaults.inversePeriod,
                    normConstraint: normConstraint ?? problem.normConstraint, layers: layers))
        case .sgd: return .sgd(SGD.Configuration(learningRate: rate, momentum: momentum))
        case .adam: return .adam(Adam.Configuration(learningRate: rate, beta1: momentum))
        }
    }

    private static let learningRates =
        "(default: one for each problem; for fashion-mnist-cnn "
        + byMethod(\.learningRate).replacing("(default: ", with: "")

    /// A default that depends on the method, for the help.
    private static func byMethod<Value>(_ value: (OptimizationMethod) -> Value) -> String {
        let values = OptimizationMethod.allCases.map { "\(value($0))" }
        if Set(values).count == 1 { return "(default: \(values[0]))" }
        let pairs = zip(OptimizationMethod.allCases, values).map { "\($0.rawValue) \($1)" }
        return "(default: \(pairs.joined(separator: ", ")))"
    }
}
