import Comparisons
import Training

extension OptimizationMethod {
    /// The options that are searched by default: for each method its learning rate, for K-FAC its damping.
    ///
    /// Where K-FAC's steps are those of a quadratic model, there is no learning rate to search or to let fall.
    func searchedOptions(for problem: ProblemName) -> [ComparisonMethod.Option] {
        switch self {
        case .kfac where KFACDefaults(problem).rule == .quadraticModel:
            [
                .init("damping", .logUniform(from: 0.1, to: 10)),
                .init("minimum-damping", .logUniform(from: 0.001, to: 0.1)),
                .init("learning-rate-schedule", .values([LearningRateDecay.constant.rawValue])),
            ]
        case .kfac:
            [
                .init("learning-rate", .logUniform(from: 0.01, to: 1)),
                .init("damping", .logUniform(from: 0.001, to: 1)),
            ]
        case .sgd, .muon: [.init("learning-rate", .logUniform(from: 0.001, to: 1))]
        case .adam, .adamw, .soap, .shampoo: [.init("learning-rate", .logUniform(from: 0.0001, to: 0.1))]
        }
    }
}
