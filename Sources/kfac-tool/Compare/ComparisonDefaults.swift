import Training

extension OptimizationMethod {
    /// What is searched where nothing else is said: for each method its learning rate, for K-FAC its damping too.
    var searchedOptions: [ComparisonMethod.Option] {
        switch self {
        case .kfac:
            [
                .init("learning-rate", .logUniform(from: 0.01, to: 1)),
                .init("damping", .logUniform(from: 0.001, to: 1)),
            ]
        case .sgd: [.init("learning-rate", .logUniform(from: 0.001, to: 1))]
        case .adam, .adamw, .soap, .shampoo: [.init("learning-rate", .logUniform(from: 0.0001, to: 0.1))]
        case .muon: [.init("learning-rate", .logUniform(from: 0.001, to: 1))]
        }
    }
}
