/// The numbers that serve each problem best in short runs; those of ``OptimizationMethod`` and ``KFACDefaults`` are for
/// the first one.
extension ProblemName {
    /// How often to go through the training examples.
    var epochs: Int {
        switch self {
        case .convolutional, .rows: 2
        case .autoencoder, .residual: 5
        case .poisson: 200
        }
    }

    /// The number of examples of a step.
    var batchSize: Int {
        switch self {
        case .convolutional, .rows: 256
        case .autoencoder, .poisson: 1000
        case .residual: 128
        }
    }

    /// The learning rate at the beginning.
    func learningRate(of method: OptimizationMethod) -> Double {
        switch (self, method) {
        case (.autoencoder, .sgd): 0.003
        case (.rows, .sgd): 0.03
        case (.poisson, .sgd): 0.001
        case (.poisson, .adam): 0.01
        default: method.learningRate
        }
    }
}
