import Torch

extension Estimation {
    /// Whether the gradients of different examples are independent with mean zero, so that squares of their sum
    /// estimate the sum of their squares.
    var hasIndependentExamples: Bool {
        switch self {
        case .sampled, .curvaturePropagation: true
        case .exact, .empirical: false
        }
    }

    /// The gradients of parameters of which only the whole batch's gradient can be had, in sources whose squares sum to
    /// those of single examples.
    ///
    /// - ``exact``: Each example's by itself, for every column of the loss's factor: exact, at a pass back for each
    ///   example and column.
    /// - ``empirical``: The examples are dealt into at most 16 groups, and summed with random signs within each:
    ///   unbiased, and exact up to 16 examples, at a pass back for each group.
    func exampleGradients(
        of loss: Loss, matrix: CurvatureMatrix, withRespectTo parameters: [Tensor],
        using generator: inout RandomGenerator
    ) -> [[Tensor?]] {
        switch self {
        case .sampled, .curvaturePropagation:
            return gradients(of: loss, matrix: matrix, withRespectTo: parameters, using: &generator)
        case .exact:
            return loss.terms.flatMap { term -> [[Tensor?]] in
                let rank = term.factorRank(of: matrix)
                return (0..<(rank * loss.batchSize)).map { number in
                    let unit = Tensor.zeros([loss.batchSize, rank], like: term.distribution.parameters[0])
                    unit[number / rank, number % rank].fill(1)
                    let weights = withoutGradients { term.factorProduct(of: matrix, with: unit) }
                    return pullBack(weights, through: term.distribution.parameters, to: parameters)
                }
            }
        case .empirical:
            let losses = loss.terms.map(\.rootWeighted)
            let signs = generator.signs(like: Tensor.zeros([loss.batchSize], like: losses[0]))
            let groupCount = min(16, loss.batchSize)
            return (0..<groupCount).map { group in
                let isMember = (0..<loss.batchSize).map { $0 % groupCount == group ? 1.0 : 0 }
                let own = signs * Tensor(isMember).to(signs.dtype).to(signs.device)
                return pullBack(
                    loss.terms.map { own * $0.weight.squareRoot() }, through: losses, to: parameters)
            }
        }
    }
}
