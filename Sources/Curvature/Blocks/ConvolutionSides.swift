import Torch

/// The two sides of a convolution's gradient in one batch, with the positions that count.
///
/// The gradient is a sum over locations of a pixel times a patch: of output gradients and inputs, or of a transposed
/// convolution the other way round. A location counts on both sides or on neither.
struct ConvolutionSides {
    private let statistics: BlockStatistics
    /// How the kernel moves in each use.
    private let geometries: [ConvolutionGeometry]
    /// For each use, the locations that count, [batch, locations...]; nil for all.
    private let counted: [Tensor?]
    /// The number of locations that count, in all examples and uses.
    let count: Int

    init(_ statistics: BlockStatistics, geometries: [ConvolutionGeometry], counted: [Tensor?]) {
        self.statistics = statistics
        self.geometries = geometries
        self.counted = counted
        count = zip(statistics.uses, counted).reduce(0) { sum, use in
            sum + (use.1.map { Int($0.to(.int64).sum().scalar) } ?? use.0.locationCount)
        }
    }

    /// The vectors of a side: of the inputs, and for each source of the output gradients.
    struct Vectors {
        let inputs: [Rows]
        let outputs: [[Rows]]
        /// How many vectors a source has.
        let count: Int
    }

    /// Moves both factors, and gives the number of vectors.
    func update(
        _ inputs: ConvolutionFactor, _ outputs: ConvolutionFactor, with vectors: Vectors
    ) -> Double {
        let weight = Double(vectors.count)
        inputs.update(rows: [vectors.inputs], decay: statistics.decay, weight: weight)
        outputs.update(rows: vectors.outputs, decay: statistics.decay, weight: weight)
        return weight
    }

    /// The patches and pixels of the locations that count, each of which is an example of its own.
    func countedRows(hasBias: Bool) -> Vectors {
        func rows(_ tensor: Tensor, _ use: Int, isInput: Bool) -> Rows {
            let geometry = geometries[use]
            let rows =
                isInput == geometry.isTransposed
                ? Rows.channels(of: tensor, hasBias: isInput && hasBias).grouped(into: geometry.groups)
                : Patches.rows(of: tensor, geometry: geometry.forward, hasBias: isInput && hasBias)
            guard let counted = counted[use] else { return rows }
            // Patches lie as [1, dimension, batch · locations], pixels as [batch, dimension, locations].
            let columns = rows.columns.reshaped([rows.vectors.shape[1], -1])
            let kept = columns.gathered(counted.nonzeroPositions(), axis: 1)
            return Rows(columns: kept, hasBias: isInput && hasBias).grouped(into: geometry.groups)
        }
        return Vectors(
            inputs: statistics.uses.indices.map { rows(statistics.uses[$0].input, $0, isInput: true) },
            outputs: statistics.gradients.map { source in
                source.indices.map { rows(source[$0], $0, isInput: false) }
            }, count: count)
    }

    /// The mean of each example's inputs and the sum of its output gradients, over the locations that count.
    func reducedRows(hasBias: Bool) -> Vectors {
        let (examples, counts): (Tensor?, Tensor?) =
            statistics.examplesWithPositions(counted).map { ($0.examples, $0.counts) } ?? (nil, nil)
        let exampleCount = examples?.count ?? statistics.batchSize
        /// [groups (if there are several), dimension, examples].
        func sums(_ uses: [Tensor], isInput: Bool) -> Tensor {
            let sums = uses.indices.map { index -> Tensor in
                let geometry = geometries[index]
                let isOfPixels = isInput == geometry.isTransposed
                guard let counted = counted[index] else {
                    return isOfPixels
                        ? Patches.summedPixels(of: uses[index], groups: geometry.groups)
                        : Patches.summed(of: uses[index], geometry: geometry.forward)
                }
                let mask = counted.reshaped([statistics.batchSize, 1, 1, -1])
                let vectors =
                    isOfPixels
                    ? uses[index].reshaped([statistics.batchSize, geometry.groups, -1, mask.shape[3]])
                    : Patches.perExample(of: uses[index], geometry: geometry.forward)
                let kept = Tensor.select(mask, vectors, Tensor.zeros([], like: vectors)).sum(3).permuted(1, 2, 0)
                return geometry.groups == 1 ? kept[0] : kept
            }
            let sum = sums.dropFirst().reduce(sums[0], +)
            return examples.map { sum.gathered($0, axis: sum.rank - 1) } ?? sum
        }
        let input = sums(statistics.uses.map(\.input), isInput: true)
        let mean =
            counts.map { input / $0.to(input.dtype) } ?? input * (Double(statistics.batchSize) / Double(count))
        return Vectors(
            inputs: [Rows(columns: mean, hasBias: hasBias)],
            outputs: statistics.gradients.map { [Rows(columns: sums($0, isInput: false))] }, count: exampleCount)
    }
}
