import ArgumentParser
import KFAC
import Training

/// How to learn.
struct OptimizerOptions: ParsableArguments {
    @Option(help: "The method.")
    var optimizer: OptimizationMethod = .kfac

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The initial learning rate. \(OptimizationMethod.byMethod(\.learningRate, \.learningRate))",
            valueName: "rate"),
        transform: SettingBounds.learningRate.withoutLowerBound.number)
    var learningRate: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the learning rate stays or falls to zero over the run, in a straight line or half a cosine wave. "
                + OptimizationMethod.byMethod { _ in OptimizationMethod.learningRateSchedule.rawValue },
            valueName: "schedule"))
    var learningRateSchedule: LearningRateDecay?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The momentum; for methods after Adam (adam, adamw, soap, kl-shampoo, kl-soap, --step-rule "
                + "eigenbasis-moments and grafted), the decay of the mean of the gradients. "
                + OptimizationMethod.byMethod(\.momentum, \.momentum)),
        transform: SettingBounds.momentum.number)
    var momentum: Double?

    @Flag(help: "For sgd and soap: take the gradient ahead of the velocity, or of the mean of the gradients.")
    var nesterov = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The share of the parameters, times the learning rate, that is subtracted at each step; for sgd, part of "
                + "the gradient. \(OptimizationMethod.byMethod(\.weightDecay))", valueName: "share"),
        transform: SettingBounds.weightDecay.number)
    var weightDecay: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of steps between updates of kfac's inverses or eigenbases, shampoo's roots, or the eigenbases "
                + "of soap, kl-shampoo and kl-soap. "
                + OptimizationMethod.byMethod(\.inversePeriod, \.inversePeriod), valueName: "steps"),
        transform: SettingBounds.period.count)
    var inversePeriod: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether steps, statistics and inverses that are not finite are left out or replaced, and reported.")
    var guards = true

    @OptionGroup(title: "K-FAC") var kfac: KFACOptions

    /// The options whose effect or bounds depend on others, or that others' depend on.
    static let dependent: Set<String> = [
        "momentum", "nesterov", "step-rule", "cautious", "damping-split", "eigenvalues", "damping-rule",
        "damping-interval",
        "damping-decay", "minimum-damping",
        "norm-constraint", "model-fraction", "inverse-schedule", "staleness", "burn-in",
    ]

    /// The options that have no effect beside the others on a problem.
    func misplaced(on problem: BuiltInProblem) -> [MisplacedOption] {
        let others = Set(OptimizationMethod.all.flatMap(\.options)).subtracting(optimizer.options)
        var list = DeclaredOption.all(of: self).filter { $0.isGiven && others.contains($0.name) }.map { option in
            let names = OptimizationMethod.all.filter { $0.options.contains(option.name) }.map(\.name)
            let texts = [names.dropLast().joined(separator: ", ")].filter { !$0.isEmpty } + names.suffix(1)
            return MisplacedOption(
                option.name,
                "\(option.name) is for --optimizer \(texts.joined(separator: " or ")) only; the optimizer is "
                    + "\(optimizer).")
        }
        if optimizer.options.contains("--nesterov"), nesterov, momentum == 0 {
            list.append(MisplacedOption("--nesterov", "--nesterov has no effect with --momentum 0."))
        }
        return optimizer.hasCurvature ? list + kfac.misplaced(problem.kfac) : list
    }

    /// Checks that the options fit each other in a run on a problem.
    ///
    /// - Parameter steps: The number of steps of the run; nil while it is not known.
    func check(on problem: BuiltInProblem, steps: Int?) throws {
        guard optimizer.hasCurvature else { return }
        try kfac.requireOrder(problem.kfac)
        if let steps, let burnIn = kfac.burnIn, burnIn >= steps {
            throw ValidationError(
                "--burn-in must be less than the number of steps, \(steps); \(burnIn) was given.")
        }
    }

    /// What holds on a problem where nothing is given, by the options' properties.
    ///
    /// An option that does nothing then has no entry.
    func defaults(on problem: BuiltInProblem) -> [String: Any] {
        var defaults = problem.kfac.beside(kfac.stepRule).all
        defaults["learningRate"] = defaultLearningRate(on: problem)
        defaults["learningRateSchedule"] = OptimizationMethod.learningRateSchedule
        defaults["momentum"] = defaultMomentum(on: problem)
        defaults["weightDecay"] = optimizer.weightDecay ?? 0
        defaults["inversePeriod"] = defaultInversePeriod(on: problem)
        if optimizer.hasCurvature, (kfac.stepRule ?? problem.kfac.stepRule) == .quadraticModel {
            // The model's step is taken as it is, with the best momentum.
            defaults["learningRate"] = 1.0
            defaults["momentum"] = nil
        }
        return defaults
    }

    /// The numbers of K-FAC's step rule, where it has such.
    private func ownNumbers(on problem: BuiltInProblem) -> KFACDefaults.Numbers? {
        let rule = kfac.stepRule ?? problem.kfac.stepRule
        return optimizer.hasCurvature ? KFACDefaults.numbers.first { $0.rule == rule } : nil
    }

    /// The learning rate at the beginning where none is given.
    func defaultLearningRate(on problem: BuiltInProblem) -> Double {
        ownNumbers(on: problem)?.learningRate ?? problem.learningRate(of: optimizer)
    }

    /// The momentum where none is given.
    func defaultMomentum(on problem: BuiltInProblem) -> Double {
        ownNumbers(on: problem)?.momentum ?? optimizer.momentum
    }

    /// The number of steps between new inverses, roots or eigenbases where none is given.
    func defaultInversePeriod(on problem: BuiltInProblem) -> Int {
        ownNumbers(on: problem)?.inversePeriod ?? problem.inversePeriod(of: optimizer) ?? 1
    }

    /// The optimiser's settings for a run of a number of steps on a problem.
    func setup(steps: Int, problem: BuiltInProblem, layers: LayerChoices = LayerChoices()) -> OptimizerSetup {
        optimizer.setup(MethodSettings(options: self, problem: problem, steps: steps, layers: layers))
    }
}
