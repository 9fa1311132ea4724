public import Torch

extension Loss {
    /// How the mean of a loss is taken.
    public enum Reduction: Sendable, Hashable, Codable {
        /// The examples of the batch, those that are masked included: each example's loss is the sum over its
        /// positions.
        case meanOverExamples
        /// The positions that are not masked, as is usual for language models: a text counts by its length.
        ///
        /// Positions are those of ``PredictiveDistribution/negativeLogLikelihoodPerPosition(of:)``: tokens of
        /// ``Categorical``, but single outputs of ``Normal`` and ``Bernoulli``.
        case meanOverPositions
        /// The weights of the positions that are not masked, as in the weighted mean Σ w ℓ / Σ w.
        case meanOverWeights

        /// The divisor of a term's sum over the batch; counts that need the mask wait for the device.
        func normalizer(of term: Term) -> Double {
            switch self {
            case .meanOverExamples: Double(term.distribution.batchSize)
            case .meanOverPositions: term.sumOverPositions(of: term.mask)
            case .meanOverWeights: term.sumOverPositions(of: term.weights?.masked(by: term.mask) ?? term.mask)
            }
        }
    }

    /// Which examples a term with curvature looks at, of type bool, [batch]: false if every position is masked or
    /// has weight 0 in all terms.
    ///
    /// nil if all examples count: without work for a loss without masks and weights, otherwise after a wait for the
    /// device.
    public var countedExamples: Tensor? {
        let masks = terms.compactMap(\.mask)
        guard masks.count == terms.count else { return nil }
        let counted = masks.map { $0.flattened(from: 1).to(.int32).max(1) .> 0 }
        let any = counted.dropFirst().reduce(counted[0], .|)
        return any.all() ? nil : any
    }
}

extension Loss.Term {
    /// The sum over all positions of numbers for some of their first axes; of ones without such.
    fileprivate func sumOverPositions(of values: Tensor?) -> Double {
        let shape = positions?.shape ?? perExample.shape
        guard let values else { return Double(shape.reduce(1, *)) }
        return values.to(.float64).sum().scalar * Double(shape.dropFirst(values.rank).reduce(1, *))
    }
}
