import KFAC

/// The settings of a method for a run: the options, and the method's and the problem's defaults where none are given.
struct MethodSettings {
    /// The options.
    let options: OptimizerOptions
    /// The problem that is trained.
    let problem: BuiltInProblem
    /// The number of steps of the run.
    let steps: Int
    /// Which approximation each layer gets.
    let layers: LayerChoices

    /// The learning rate of each step.
    var learningRate: Schedule { schedule(from: options.learningRate ?? options.defaultLearningRate(on: problem)) }

    /// The momentum.
    var momentum: Double { options.momentum ?? options.defaultMomentum(on: problem) }

    /// The weight decay.
    var weightDecay: Double { options.weightDecay ?? options.optimizer.weightDecay ?? 0 }

    /// The number of steps between new inverses, roots or eigenbases.
    var inversePeriod: Int { options.inversePeriod ?? options.defaultInversePeriod(on: problem) }

    /// The guards against numbers that are not finite.
    var guards: Guards { options.guards ? Guards() : .off }

    /// A rate that changes over the run as the learning rate does.
    func schedule(from rate: Double) -> Schedule {
        (options.learningRateSchedule ?? OptimizationMethod.learningRateSchedule).schedule(from: rate, steps: steps)
    }
}

extension BuiltInProblem {
    /// The learning rate of a method at the beginning.
    func learningRate(of method: OptimizationMethod) -> Double { learningRates[method.name] ?? method.learningRate }

    /// The number of steps between new inverses, roots or eigenbases of a method; nil for one without.
    func inversePeriod(of method: OptimizationMethod) -> Int? { inversePeriods[method.name] ?? method.inversePeriod }
}
