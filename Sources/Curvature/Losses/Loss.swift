public import Torch

/// The objective that is minimised: the mean over the batch of −log p(targets), where p is what the network predicts,
/// or of another objective beside such a prediction.
///
/// Several losses of one batch add up, each with a weight: `Loss(a, targets: s) + 0.3 * Loss(b, targets: t)`. A weight
/// c scales the loss and its curvature (Fisher, Gauss–Newton and Hessian matrix) by c, and a factor of the curvature by
/// √c.
///
/// The curvature is always that of predictive distributions. Where the objective is not their likelihood, give both:
/// ``init(objective:curvature:targets:mask:weights:reduction:)``; for terms of the objective that have no curvature of
/// their own, see ``adding(objective:)``.
public struct Loss: Sendable {
    /// The parts that have curvature, each a distribution with what is minimised of it, and a weight.
    public let terms: [Term]
    /// The divisor of the mean over the batch: the batch size, or what ``Reduction`` counts instead.
    ///
    /// 0 if nothing is counted, as with all positions masked; the mean is then 0.
    public let normalizer: Double
    /// The parts that have no curvature.
    let objectives: [Objective]

    /// A part of the objective that has no curvature.
    struct Objective: Sendable {
        /// [batch], or a scalar that is added to the mean.
        let values: Tensor
        let weight: Double

        var isScalar: Bool { values.rank == 0 }
    }

    /// Creates the loss of a batch.
    ///
    /// - Parameters:
    ///   - distribution: What the network predicts for the batch.
    ///   - targets: What was observed, in the form that the distribution takes; [batch, ...].
    ///   - mask: False at positions that are padding, of type bool: [batch], [batch, ...] up to the axes of
    ///     ``PredictiveDistribution/negativeLogLikelihoodPerPosition(of:)``. They take no part in the likelihood, in
    ///     sampled losses and in curvature, and their targets can be any numbers. nil keeps all positions.
    ///   - weights: What −log p of each example or position and its curvature are multiplied by, in one of the shapes
    ///     of a mask: finite numbers that are not negative, constants for differentiation. An example of weight 2
    ///     counts as two, in every estimation of the curvature; weight 0 masks. nil for 1 everywhere.
    ///   - reduction: What the mean is taken over; by default the batch, masked examples included.
    public init(
        _ distribution: any PredictiveDistribution, targets: Tensor, mask: Tensor? = nil, weights: Tensor? = nil,
        reduction: Reduction = .meanOverExamples
    ) {
        self.init(
            Term(
                distribution, targets: targets, mask: mask, weights: weights,
                needsPositions: reduction != .meanOverExamples),
            reduction)
    }

    /// Creates a loss whose objective is not the likelihood of the distribution that gives the curvature.
    ///
    /// Gradients and Hessian are those of the objective; Fisher and Gauss–Newton matrix are the distribution's. For
    /// example, a policy gradient with the Fisher matrix of the policy:
    ///
    /// ```swift
    /// let policy = Categorical(logits: model(states))
    /// let surprise = policy.negativeLogLikelihood(of: actions)
    /// return Loss(objective: advantages * surprise, curvature: policy)
    /// ```
    ///
    /// The estimation ``Estimation/empirical`` takes the objective's own gradients.
    ///
    /// - Parameters:
    ///   - objective: What is minimised, for each example or position: [batch, ...].
    ///   - distribution: What the network predicts for the batch.
    ///   - targets: What was observed; only the Gauss–Newton matrix of a distribution whose parameters are not natural
    ///     needs it.
    ///   - mask: As in ``init(_:targets:mask:weights:reduction:)``, for the objective and the curvature alike; with no
    ///     more axes than the objective.
    ///   - weights: Likewise.
    ///   - reduction: What the mean is taken over.
    public init(
        objective: Tensor, curvature distribution: any PredictiveDistribution, targets: Tensor? = nil,
        mask: Tensor? = nil, weights: Tensor? = nil, reduction: Reduction = .meanOverExamples
    ) {
        self.init(
            Term(objective: objective, distribution, targets: targets, mask: mask, weights: weights), reduction)
    }

    /// The loss of data that cannot be used: NaN for each example.
    init(unusableDataFor distribution: any PredictiveDistribution) {
        self.init(Term(unusableDataFor: distribution), .meanOverExamples)
    }

    private init(_ term: Term, _ reduction: Reduction) {
        self.init(terms: [term], objectives: [], normalizer: reduction.normalizer(of: term))
    }

    private init(terms: [Term], objectives: [Objective], normalizer: Double) {
        self.terms = terms
        self.objectives = objectives
        self.normalizer = normalizer
    }

    /// The loss of each example, [batch]: summed over the terms and positions with their weights.
    ///
    /// Scalars that were added to the mean are not part of it.
    public var perExample: Tensor {
        let weighted = terms.map { $0.weight == 1 ? $0.perExample : $0.perExample * $0.weight }
        let others = objectives.filter { !$0.isScalar }.map { $0.values * $0.weight }
        return (weighted.dropFirst() + others).reduce(weighted[0], +)
    }

    /// The objective that is minimised: the sum over the batch divided by ``normalizer``, differentiable.
    public var mean: Tensor {
        let examples = perExample
        let mean = normalizer == Double(batchSize) ? examples.mean() : examples.sum() * meanScale
        return scalars.reduce(mean) { $0 + $1.values * $1.weight }
    }

    /// ``normalizer`` times the mean, differentiable.
    var sum: Tensor { scalars.reduce(perExample.sum()) { $0 + $1.values * ($1.weight * normalizer) } }

    /// The factor that turns sums over the batch into means.
    var meanScale: Double { normalizer > 0 ? 1 / normalizer : 0 }

    private var scalars: [Objective] { objectives.filter(\.isScalar) }

    /// The sum of the scalars that were added to the mean.
    var scalarPart: Double { scalars.reduce(0) { $0 + $1.values.detached().scalar * $1.weight } }

    /// The number of examples.
    public var batchSize: Int { terms[0].distribution.batchSize }

    /// The loss with a further part of the objective that has no curvature: a penalty, an entropy, the residual of an
    /// equation.
    ///
    /// Gradients, Hessian and the value of the loss contain it; Fisher and Gauss–Newton matrix and all estimations of
    /// the curvature do not.
    ///
    /// - Parameter objective: A scalar, which is added to the mean, or one number for each example, [batch], of which
    ///   the mean is taken as of the other terms.
    public func adding(objective: Tensor) -> Loss {
        guard objective.rank == 0 || objective.shape == [batchSize] else {
            fatalError(
                "Loss.adding(objective:): a tensor of shape \(objective.shape); a scalar or one number for each of the "
                    + "\(batchSize) examples is needed")
        }
        return Loss(
            terms: terms, objectives: objectives + [Objective(values: objective.inFullPrecision, weight: 1)],
            normalizer: normalizer)
    }

    /// The sum of two losses of one batch: the means add up, and their curvatures.
    ///
    /// Where the means have different normalizers, the sum has the first one's, and the second loss is scaled for it. A
    /// batch that is run in parts then weighs its parts by the first one's numbers: choose one reduction for all losses
    /// there.
    public static func + (a: Loss, b: Loss) -> Loss {
        guard a.batchSize == b.batchSize else {
            fatalError("Loss: a sum of losses of batches of \(a.batchSize) and \(b.batchSize) examples")
        }
        let normalizer = a.normalizer > 0 ? a.normalizer : b.normalizer
        let (first, second) = (a.normalized(by: normalizer), b.normalized(by: normalizer))
        return Loss(
            terms: first.terms + second.terms, objectives: first.objectives + second.objectives,
            normalizer: normalizer)
    }

    /// The loss with all weights multiplied by a number that is not negative.
    public static func * (weight: Double, loss: Loss) -> Loss {
        guard weight >= 0, weight.isFinite else {
            fatalError("Loss: the weight \(weight) must be finite and at least 0")
        }
        return loss.weighted(by: weight)
    }

    /// The loss with all weights multiplied by a number that is not negative.
    public static func * (loss: Loss, weight: Double) -> Loss { weight * loss }

    private func weighted(by factor: Double) -> Loss {
        Loss(
            terms: terms.map { $0.weighted(by: factor) },
            objectives: objectives.map { Objective(values: $0.values, weight: $0.weight * factor) },
            normalizer: normalizer)
    }

    /// The same mean, as a sum that another number divides.
    private func normalized(by other: Double) -> Loss {
        guard normalizer != other, normalizer > 0 else { return self }
        let factor = other / normalizer
        return Loss(
            terms: terms.map { $0.weighted(by: factor) },
            objectives: objectives.map {
                $0.isScalar ? $0 : Objective(values: $0.values, weight: $0.weight * factor)
            },
            normalizer: other)
    }
}
