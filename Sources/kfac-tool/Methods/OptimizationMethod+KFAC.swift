import Comparisons
import KFAC

extension OptimizationMethod {
    /// K-FAC.
    ///
    /// Where its steps are those of a quadratic model, there is no learning rate to search or to let fall.
    static let kfac: OptimizationMethod = .init(
        name: "kfac", learningRate: 0.1, inversePeriod: 10,
        ownOptions: DeclaredOption.names(in: KFACOptions.self),
        search: { problem, rule in
            switch rule ?? problem.kfac.stepRule {
            case .fixed, .gradientMomentum:
                [
                    .init("learning-rate", .logUniform(from: 0.01, to: 1)),
                    .init("damping", .logUniform(from: 0.001, to: 1)),
                ]
            case .quadraticModel where problem.kfac.dampingRule == .adaptive:
                [
                    .init("damping", .logUniform(from: 0.1, to: 10)),
                    .init("minimum-damping", .logUniform(from: 0.001, to: 0.1)),
                    constantRate,
                ]
            case .quadraticModel:
                [.init("damping", .logUniform(from: 0.001, to: 1)), constantRate]
            case .eigenbasisMoments:
                [.init("learning-rate", .logUniform(from: 0.002, to: 0.02))]
            case .grafted:
                [
                    .init("learning-rate", .logUniform(from: 0.001, to: 0.02)),
                    .init("damping", .logUniform(from: 0.01, to: 1)),
                ]
            }
        },
        setup: { settings in
            OptimizerSetup(settings.options.optimizer, settings.options.kfac.configuration(settings))
        })

    private static let constantRate = ComparisonMethod.Option(
        "learning-rate-schedule", .values([LearningRateDecay.constant.rawValue]))
}
