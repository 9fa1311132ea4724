import Comparisons
import FirstOrder

extension OptimizationMethod {
    /// Gradient descent with momentum.
    static let sgd: OptimizationMethod = .init(
        name: "sgd", learningRate: 0.1, weightDecay: 0, ownOptions: ["--nesterov"],
        search: { _, _ in [.init("learning-rate", .logUniform(from: 0.001, to: 1))] },
        setup: { settings in
            let configuration = SGD.Configuration(
                learningRate: settings.learningRate, momentum: settings.momentum, nesterov: settings.options.nesterov,
                weightDecay: settings.weightDecay)
            return OptimizerSetup(settings, .sgd(configuration), configuration)
        })

    /// Adam.
    static let adam: OptimizationMethod = .init(name: "adam", learningRate: 0.003, search: small, setup: adamSetup)

    /// Adam with weight decay.
    static let adamw: OptimizationMethod = .init(
        name: "adamw", learningRate: 0.003, weightDecay: 0.01, search: small, setup: adamSetup)

    /// Shampoo.
    static let shampoo: OptimizationMethod = .init(
        name: "shampoo", learningRate: 0.001, weightDecay: 0, inversePeriod: 10, search: small
    ) { settings in
        let configuration = Shampoo.Configuration(
            learningRate: settings.learningRate, momentum: settings.momentum, period: settings.inversePeriod,
            start: settings.inversePeriod, weightDecay: settings.weightDecay)
        return OptimizerSetup(settings, .shampoo(configuration), configuration)
    }

    /// SOAP.
    static let soap: OptimizationMethod = .init(
        name: "soap", learningRate: 0.003, momentum: 0.95, weightDecay: 0, inversePeriod: 10,
        ownOptions: ["--nesterov"], search: small
    ) { settings in
        let configuration = SOAP.Configuration(
            learningRate: settings.learningRate, beta1: settings.momentum, weightDecay: settings.weightDecay,
            nesterov: settings.options.nesterov, period: settings.inversePeriod)
        return OptimizerSetup(settings, .soap(configuration), configuration)
    }

    /// KL-Shampoo.
    static let klShampoo = klMethod("kl-shampoo", .eigenvalues)

    /// KL-SOAP.
    static let klSOAP = klMethod("kl-soap", .meanSquares)

    private static func klMethod(_ name: String, _ scaling: KLShampoo.Scaling) -> OptimizationMethod {
        .init(name: name, learningRate: 0.003, momentum: 0.95, weightDecay: 0, inversePeriod: 10, search: small) {
            settings in
            let configuration = KLShampoo.Configuration(
                learningRate: settings.learningRate, scaling: scaling, beta1: settings.momentum,
                weightDecay: settings.weightDecay, period: settings.inversePeriod)
            return OptimizerSetup(settings, .klShampoo(configuration), configuration)
        }
    }

    /// Muon.
    static let muon: OptimizationMethod = .init(
        name: "muon", learningRate: 0.02, momentum: 0.95, weightDecay: 0,
        search: { _, _ in [.init("learning-rate", .logUniform(from: 0.001, to: 1))] },
        setup: { settings in
            // Biases and the output layer: Adam at its own rate, which falls as the matrices' does.
            let configuration = Muon.Configuration(
                learningRate: settings.learningRate, momentum: settings.momentum, weightDecay: settings.weightDecay,
                adam: Adam.Configuration(
                    learningRate: settings.schedule(from: adam.learningRate), weightDecay: settings.weightDecay),
                lastMatrixHasAdam: true)
            return OptimizerSetup(settings, .muon(configuration), configuration)
        })

    @Sendable private static func small(
        _ problem: BuiltInProblem, _ rule: StepRuleName?
    ) -> [ComparisonMethod.Option] {
        [.init("learning-rate", .logUniform(from: 0.0001, to: 0.1))]
    }

    @Sendable private static func adamSetup(_ settings: MethodSettings) -> OptimizerSetup {
        let configuration = Adam.Configuration(
            learningRate: settings.learningRate, beta1: settings.momentum, weightDecay: settings.weightDecay)
        return OptimizerSetup(settings, .adam(configuration), configuration)
    }
}
