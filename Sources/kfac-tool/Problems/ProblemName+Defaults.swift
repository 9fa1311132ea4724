/// The numbers that serve each problem best; ``OptimizationMethod`` has those of the first one.
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
    func learningRate(of method: OptimizationMethod) -> Double { method.learningRate }
}
