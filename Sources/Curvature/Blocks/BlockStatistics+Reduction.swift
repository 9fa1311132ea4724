import Torch

/// A layer's inputs and output gradients with each example's positions taken together: Σₜ gₜ and the mean of aₜ, whose
/// product is the gradient of an example wherever one of the two is the same at all positions.
struct ReducedVectors {
    /// [examples, inputs].
    let input: Tensor
    /// For each source, [examples, outputs].
    let gradients: [Tensor]
    /// The number of examples with a position that counts.
    let count: Int
}

extension BlockStatistics {
    /// The inputs averaged and the gradients summed over each example's positions that count, in all uses.
    func reducedVectors() -> ReducedVectors {
        let statistics = withCountedExamples()
        let batch = statistics.batchSize
        let counted = statistics.countedPositions()
        func sums(_ uses: [Tensor]) -> Tensor {
            let sums = zip(uses, counted).map { use, counted in
                let rows = use.reshaped([batch, -1, use.shape[use.rank - 1]])
                guard let counted else { return rows.sum(1) }
                return Tensor.select(counted.reshaped([batch, -1, 1]), rows, Tensor.zeros([], like: rows)).sum(1)
            }
            return sums.dropFirst().reduce(sums[0], +)
        }
        let inputs = sums(statistics.uses.map(\.input))
        let gradients = statistics.gradients.map(sums)
        guard let (examples, counts) = statistics.examplesWithPositions(counted) else {
            let positions = statistics.uses.reduce(0) { $0 + $1.positions.reduce(1, *) }
            return ReducedVectors(
                input: inputs * (Double(batch) / Double(positions)), gradients: gradients, count: batch)
        }
        return ReducedVectors(
            input: inputs.gathered(examples) / counts.to(inputs.dtype).expanded(at: 1),
            gradients: gradients.map { $0.gathered(examples) }, count: examples.count)
    }

    /// The examples with a position that counts, and how many each has; nil if all positions count.
    func examplesWithPositions(_ counted: [Tensor?]) -> (examples: Tensor, counts: Tensor)? {
        guard let some = counted.compactMap({ $0 }).first else { return nil }
        let counts = zip(uses, counted).reduce(Tensor.zeros([batchSize], dtype: .int64, device: some.device)) {
            sum, use in
            guard let counted = use.1 else { return sum + Double(use.0.positions.dropFirst().reduce(1, *)) }
            return sum + counted.reshaped([batchSize, -1]).to(.int64).sum(1)
        }
        let examples = counts.nonzeroPositions()
        return (examples, counts.gathered(examples))
    }
}
