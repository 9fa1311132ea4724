public import Optimization

extension KFACOptimizer.Configuration {
    /// The settings for small, noisy batches: Adam's moments in the eigenbasis of the curvature.
    ///
    /// ```swift
    /// let optimizer = KFACOptimizer(
    ///     model.namedParameters,
    ///     configuration: .smallBatches(learningRate: .linear(from: 0.007, to: 0, steps: 1000)))
    /// ```
    ///
    /// Statistics are taken at every eighth step, and bases every 40, more often at first. The learning rate is the
    /// only number to tune, from 0.002 to 0.02, and there is no damping. It is what an optimiser without a
    /// configuration does, with a constant rate.
    ///
    /// - Parameters:
    ///   - learningRate: The learning rate; let it fall to zero over the run.
    ///   - statisticsFraction: The share of the batch that statistics are taken of. Some 32 examples do; less than 1
    ///     needs ``/Optimization/Optimizer/step(examples:_:)``, which can run a part of the batch.
    public static func smallBatches(
        learningRate: Schedule = 0.007, statisticsFraction: Double = 1
    ) -> KFACOptimizer.Configuration {
        KFACOptimizer.Configuration(
            rule: .eigenbasisMoments(EigenbasisMoments(learningRate: learningRate)), statisticsPeriod: 8,
            statisticsFraction: statisticsFraction, inverses: .growing(every: 40), clipping: .none)
    }

    /// The settings for large batches and ill-conditioned networks: steps of the quadratic model, and a damping that
    /// adapts.
    ///
    /// There is no learning rate: each step minimises the exact quadratic model of the batch's loss in the plane of the
    /// new direction and the last step (Martens & Grosse 2015, sections 6 and 7).
    ///
    /// - Parameter damping: The damping to begin with, in units of the loss's curvature; rather too large than too
    ///   small.
    public static func largeBatches(damping: Double = 1) -> KFACOptimizer.Configuration {
        KFACOptimizer.Configuration(
            rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: damping)),
            inverses: .together(every: 5), clipping: .none)
    }
}
