import ArgumentParser
import KFAC

/// How to learn.
struct OptimizerOptions: ParsableArguments {
    @Option(help: "The method.")
    var optimizer = OptimizationMethod.kfac

    @Option(help: ArgumentHelp("The learning rate at the beginning. \(byMethod(\.learningRate))", valueName: "rate"))
    var learningRate: Double?

    @Option(
        help: ArgumentHelp(
            "Whether the learning rate stays or falls to zero over the run, in a straight line or half a cosine wave. "
                + byMethod(\.decay.rawValue), valueName: "schedule"))
    var learningRateSchedule: LearningRateDecay?

    @Option(
        help: ArgumentHelp(
            "The momentum; for adam, adamw and soap, the decay of the mean. \(byMethod(\.momentum))"))
    var momentum: Double?

    @Flag(help: "For sgd: take the gradient ahead of the velocity.")
    var nesterov = false

    @Option(
        help: ArgumentHelp(
            "The share of the parameters, times the learning rate, that goes at each step; for sgd, part of the "
                + "gradient. \(byMethod(\.weightDecay))", valueName: "share"))
    var weightDecay: Double?

    @Option(
        help: ArgumentHelp(
            "The number of steps between updates of kfac's inverses, shampoo's roots or soap's eigenbases. "
                + byMethod(\.inversePeriod), valueName: "steps"))
    var inversePeriod: Int?

    @Flag(
        inversion: .prefixedNo,
        help: "Whether steps, statistics and inverses that are not finite are left out or repaired, and reported.")
    var guards = true

    @OptionGroup(title: "K-FAC") var kfac: KFACOptions

    func validate() throws {
        if let learningRate, !(learningRate > 0 && learningRate.isFinite) {
            throw ValidationError("--learning-rate must be positive; \(learningRate) was given.")
        }
        if let momentum, !(momentum >= 0 && momentum < 1) {
            throw ValidationError("--momentum must be at least 0 and less than 1; \(momentum) was given.")
        }
        if let inversePeriod { try check("--inverse-period", inversePeriod, in: 1...1_000_000) }
        if let weightDecay, !(weightDecay >= 0 && weightDecay.isFinite) {
            throw ValidationError("--weight-decay must be at least 0; \(weightDecay) was given.")
        }
        for option in kfac.given { try require(option, true, isFor: [.kfac]) }
        try require("--nesterov", nesterov, isFor: [.sgd])
        try require("--inverse-period", inversePeriod != nil) { $0.inversePeriod != nil }
        try require("--weight-decay", weightDecay != nil) { $0.weightDecay != nil }
    }

    private func require(_ option: String, _ isGiven: Bool, isFor methods: [OptimizationMethod]) throws {
        try require(option, isGiven) { methods.contains($0) }
    }

    /// Checks that an option, where it is given, is one of the chosen method's.
    private func require(_ option: String, _ isGiven: Bool, isFor isIts: (OptimizationMethod) -> Bool) throws {
        guard isGiven, !isIts(optimizer) else { return }
        let names = OptimizationMethod.allCases.filter(isIts).map(\.rawValue)
        let list = ([names.dropLast().joined(separator: ", ")].filter { !$0.isEmpty } + names.suffix(1))
            .joined(separator: " or ")
        throw ValidationError(
            "\(option) is for --optimizer \(list) only; the optimizer is \(optimizer.rawValue).")
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
