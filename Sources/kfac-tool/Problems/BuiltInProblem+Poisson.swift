import Training

extension BuiltInProblem {
    /// A physics-informed network that solves Poisson's equation.
    static let poisson: BuiltInProblem = .init(
        name: "poisson", summary: "a network solves Poisson's equation on the unit square, in float64",
        epochs: 200, batchSize: 1000, learningRates: ["sgd": 0.001, "adam": 0.01],
        kfac: KFACDefaults {
            $0.stepRule = .quadraticModel
            $0.damping = 0.05
            $0.dampingRule = .adaptive
        }
    ) { source, generator in
        PoissonProblem(
            model: LaplacePerceptron([2, 64, 64, 48, 1], device: source.device, using: &generator),
            trainingCount: source.options.trainLimit ?? 3000)
    }
}
