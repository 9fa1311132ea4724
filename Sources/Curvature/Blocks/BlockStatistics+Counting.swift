import Torch

// Counting in a Kronecker product: positions that contribute nothing to Σ a aᵀ ⊗ g gᵀ are left out. They count
// neither in A, nor in G, nor in the number of locations.

/// The inputs and output gradients of a layer of vectors, of the positions that count.
struct CountedRows {
    /// For each use, [..., inputs], or indices [...].
    var inputs: [Tensor]
    /// For each source, [..., outputs] of each use.
    var gradients: [[Tensor]]
    /// The number of positions in all uses.
    var count: Int
}

extension BlockStatistics {
    /// The same without the examples that the loss masks entirely, where the first axis is that of the examples.
    func withCountedExamples() -> BlockStatistics {
        guard let countedExamples, uses.allSatisfy({ $0.positions.first == batchSize }) else { return self }
        let examples = countedExamples.nonzeroPositions()
        return BlockStatistics(
            uses: uses.map { $0.gathered(examples) },
            gradients: gradients.map { $0.map { $0.gathered(examples) } }, batchSize: examples.count,
            normalizer: normalizer, isMasked: isMasked, decay: decay)
    }

    /// The same without the images of which nothing comes, as those of masked examples, whatever an image is of: an
    /// example or a frame of one.
    func withCountedImages() -> BlockStatistics {
        guard isMasked else { return self }
        let kept = uses.indices.map { index in
            let reached = gradients.map { $0[index].inMemoryOrder.flattened(from: 1).greatestMagnitudes() .!= 0 }
            return reached.dropFirst().reduce(reached[0], .|).nonzeroPositions()
        }
        return BlockStatistics(
            uses: zip(uses, kept).map { $0.gathered($1) },
            gradients: gradients.map { zip($0, kept).map { $0.gathered($1) } }, batchSize: batchSize,
            normalizer: normalizer, isMasked: isMasked, decay: decay)
    }

    /// For each use, true at the positions that count, in the shape of its ``LayerUse/positions``; nil if all do.
    ///
    /// Beside the use's own mask, positions of linear layers and embeddings do not count where the output gradients of
    /// all sources are exactly zero: there the loss looks at nothing that comes from them. In a layer that is used once
    /// for each example they count even so, unless the loss masks something; and so do all positions of convolutions,
    /// whose zeros are those of rectifiers and pooling.
    func countedPositions() -> [Tensor?] {
        let looksForZeros = isMasked || uses.count > 1 || uses.contains { $0.positions != [batchSize] }
        return uses.indices.map { index in
            let use = uses[index]
            var counted = use.maskOfAllPositions
            if looksForZeros, use.operation.isOfVectors {
                let reached = gradients.map { $0[index].greatestMagnitudes() .!= 0 }
                let anywhere = reached.dropFirst().reduce(reached[0], .|)
                counted = counted.map { $0 .& anywhere } ?? anywhere
            }
            return counted.flatMap { $0.all() ? nil : $0 }
        }
    }

    /// The rows that count of a layer that treats each position as an example.
    func countedRows() -> CountedRows {
        // Which axis is that of the examples does not matter: nothing comes of rows that are masked.
        let counted = countedPositions()
        var rows = CountedRows(
            inputs: uses.map(\.input), gradients: gradients,
            count: uses.reduce(0) { $0 + $1.positions.reduce(1, *) })
        guard counted.contains(where: { $0 != nil }) else { return rows }
        rows.count = 0
        for (index, use) in uses.enumerated() {
            guard let mask = counted[index] else {
                rows.count += use.positions.reduce(1, *)
                continue
            }
            let numbers = mask.nonzeroPositions()
            rows.count += numbers.count
            let isOfIndices = use.operation == .embedding
            rows.inputs[index] = (isOfIndices ? use.input.flattened() : use.input.asRows).gathered(numbers)
            for source in rows.gradients.indices {
                rows.gradients[source][index] = rows.gradients[source][index].asRows.gathered(numbers)
            }
        }
        return rows
    }
}

extension LayerUse {
    /// The mask in the shape of all ``positions``; nil if there is none.
    var maskOfAllPositions: Tensor? {
        mask.map { mask in
            mask.reshaped(mask.shape + [Int](repeating: 1, count: positions.count - mask.rank))
                .broadcast(to: positions)
        }
    }

    /// The same of some of the examples, which the first axis must be.
    func gathered(_ examples: Tensor) -> LayerUse {
        LayerUse(
            operation: operation, weight: weight, bias: bias, input: input.gathered(examples),
            preActivation: preActivation.detached().gathered(examples),
            mask: mask.map { $0.gathered(examples) })
    }
}

extension LayerUse.Operation {
    /// Whether each position is a vector, or an index, that the operation treats by itself.
    var isOfVectors: Bool {
        switch self {
        case .linear, .transposedLinear, .embedding: true
        case .convolution, .scaleAndShift, .custom: false
        }
    }
}

extension Tensor {
    /// The vectors along the last axis as the rows of a matrix.
    var asRows: Tensor { reshaped([-1, shape[rank - 1]]) }
}
