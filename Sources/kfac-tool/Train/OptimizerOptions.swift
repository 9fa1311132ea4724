import ArgumentParser
import FirstOrder
import KFAC
import Training

/// How to learn.
struct OptimizerOptions: ParsableArguments {
    @Option(help: "The method.")
    var optimizer = OptimizationMethod.kfac

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("The initial learning rate. \(byMethod(\.learningRate))", valueName: "rate"),
        transform: SettingBounds.learningRate.withoutLowerBound.number)
    var learningRate: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the learning rate stays or falls to zero over the run, in a straight line or half a cosine wave. "
                + byMethod(\.decay.rawValue), valueName: "schedule"))
    var learningRateSchedule: LearningRateDecay?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The momentum; for adam, adamw and soap, the decay of the mean. \(byMethod(\.momentum))"),
        transform: SettingBounds.momentum.number)
    var momentum: Double?

    @Flag(help: "For sgd: take the gradient ahead of the velocity.")
    var nesterov = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The share of the parameters, times the learning rate, that is subtracted at each step; for sgd, part of "
                + "the gradient. \(byMethod(\.weightDecay))", valueName: "share"),
        transform: SettingBounds.weightDecay.number)
    var weightDecay: Double?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "The number of steps between updates of kfac's inverses, shampoo's roots or soap's eigenbases. "
                + byMethod(\.inversePeriod), valueName: "steps"),
        transform: SettingBounds.period.count)
    var inversePeriod: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether steps, statistics and inverses that are not finite are left out or replaced, and reported.")
    var guards = true

    @OptionGroup(title: "K-FAC") var kfac: KFACOptions

    /// The options whose effect or bounds depend on others, or that others' depend on.
    static let dependent: Set<String> = [
        "momentum", "nesterov", "step-rule", "damping-rule", "damping-interval", "damping-decay", "minimum-damping",
        "norm-constraint", "model-fraction", "inverse-schedule", "staleness", "burn-in",
    ]

    /// The options that have no effect beside the others on a problem.
    func misplaced(on problem: ProblemName) -> [MisplacedOption] {
        let defaults = KFACDefaults(problem)
        var list = kfac.chosen(defaults).compactMap { option in
            misplaced(option.name, option.given != nil) { $0 == .kfac }
        }
        list += [
            misplaced("--nesterov", nesterov) { $0 == .sgd },
            misplaced("--inverse-period", inversePeriod != nil) { $0.inversePeriod != nil },
            misplaced("--weight-decay", weightDecay != nil) { $0.weightDecay != nil },
        ].compactMap(\.self)
        if optimizer == .sgd, nesterov, momentum == 0 {
            list.append(MisplacedOption("--nesterov", "--nesterov has no effect with --momentum 0."))
        }
        return optimizer == .kfac ? list + kfac.misplaced(defaults) : list
    }

    /// An option that is one of other methods than the chosen one.
    private func misplaced(
        _ option: String, _ isGiven: Bool, isFor isIts: (OptimizationMethod) -> Bool
    ) -> MisplacedOption? {
        guard isGiven, !isIts(optimizer) else { return nil }
        let names = OptimizationMethod.allCases.filter(isIts).map(\.rawValue)
        let list = ([names.dropLast().joined(separator: ", ")].filter { !$0.isEmpty } + names.suffix(1))
            .joined(separator: " or ")
        return MisplacedOption(
            option, "\(option) is for --optimizer \(list) only; the optimizer is \(optimizer.rawValue).")
    }

    /// Checks that the options fit each other in a run on a problem.
    ///
    /// - Parameter steps: The number of steps of the run; nil while it is not known.
    func check(on problem: ProblemName, steps: Int?) throws {
        guard optimizer == .kfac else { return }
        try kfac.requireOrder(KFACDefaults(problem))
        if let steps, let burnIn = kfac.burnIn, burnIn >= steps {
            throw ValidationError(
                "--burn-in must be less than the number of steps, \(steps); \(burnIn) was given.")
        }
    }

    /// The values of the options on a problem.
    func chosen(on problem: ProblemName) -> [ChosenOption] {
        let isRescaled = optimizer == .kfac && (kfac.stepRule ?? KFACDefaults(problem).rule) == .quadraticModel
        let rate = optimizer == .kfac ? KFACDefaults(problem).learningRate : problem.learningRate(of: optimizer)
        return [
            ChosenOption("--optimizer", optimizer),
            ChosenOption("--learning-rate", learningRate, default: isRescaled ? 1 : rate),
            ChosenOption("--learning-rate-schedule", learningRateSchedule, default: optimizer.decay),
            isRescaled
                ? ChosenOption("--momentum", momentum)
                : ChosenOption("--momentum", momentum, default: optimizer.momentum),
            ChosenOption("--nesterov", isGiven: nesterov),
            ChosenOption("--weight-decay", weightDecay, default: optimizer.weightDecay ?? 0),
            ChosenOption("--inverse-period", inversePeriod, default: defaultInversePeriod(on: problem)),
            ChosenOption("--no-guards", isGiven: !guards),
        ] + kfac.chosen(KFACDefaults(problem))
    }

    private func defaultInversePeriod(on problem: ProblemName) -> Int {
        optimizer == .kfac ? KFACDefaults(problem).inversePeriod : optimizer.inversePeriod ?? 1
    }

    /// The optimiser's settings for a run of a number of steps on a problem.
    func setup(steps: Int, problem: ProblemName, layers: LayerChoices = LayerChoices()) -> OptimizerSetup {
        let decay = learningRateSchedule ?? optimizer.decay
        let rate = decay.schedule(from: learningRate ?? problem.learningRate(of: optimizer), steps: steps)
        let ownMomentum = momentum ?? optimizer.momentum
        let weightDecay = weightDecay ?? optimizer.weightDecay ?? 0
        let period = inversePeriod ?? optimizer.inversePeriod ?? 1
        let rule: FirstOrderRule
        switch optimizer {
        case .kfac:
            var configuration = kfac.configuration(
                KFACDefaults(problem), learningRate: { decay.schedule(from: $0, steps: steps) },
                rate: learningRate, momentum: momentum, inversePeriod: inversePeriod, layers: layers)
            configuration.guards = guards ? Guards() : .off
            return .kfac(configuration)
        case .sgd:
            rule = .sgd(
                SGD.Configuration(
                    learningRate: rate, momentum: ownMomentum, nesterov: nesterov, weightDecay: weightDecay))
        case .adam, .adamw:
            rule = .adam(Adam.Configuration(learningRate: rate, beta1: ownMomentum, weightDecay: weightDecay))
        case .shampoo:
            rule = .shampoo(
                Shampoo.Configuration(
                    learningRate: rate, momentum: ownMomentum, period: period, start: period, weightDecay: weightDecay))
        case .soap:
            rule = .soap(
                SOAP.Configuration(learningRate: rate, beta1: ownMomentum, weightDecay: weightDecay, period: period))
        case .muon:
            // Biases and the output layer: Adam at its own rate, which falls as the matrices' does.
            let adam = Adam.Configuration(
                learningRate: decay.schedule(from: OptimizationMethod.adam.learningRate, steps: steps),
                weightDecay: weightDecay)
            rule = .muon(
                Muon.Configuration(
                    learningRate: rate, momentum: ownMomentum, weightDecay: weightDecay, adam: adam,
                    lastMatrixHasAdam: true))
        }
        return .firstOrder(optimizer, rule, guards ? Guards() : .off)
    }

    /// A default that depends on the method, for the help; methods without it are left out.
    private static func byMethod<Value>(_ value: (OptimizationMethod) -> Value?) -> String {
        let pairs = OptimizationMethod.allCases.compactMap { method in value(method).map { (method, "\($0)") } }
        if Set(pairs.map(\.1)).count == 1 { return "(default: \(pairs[0].1))" }
        return "(default: \(pairs.map { "\($0.0.rawValue) \($0.1)" }.joined(separator: ", ")))"
    }
}
