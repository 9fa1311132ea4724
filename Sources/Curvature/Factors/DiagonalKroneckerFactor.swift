public import Torch

/// A Kronecker factor of which only the diagonal is estimated: E[x∘x], of a layer's inputs or of its output gradients.
///
/// For the inputs of an embedding, which are one-hot vectors, the full factor E[x xᵀ] *is* diagonal and holds the
/// classes' frequencies: they are counted, and no vector is formed. With a bias, each x ends in a constant 1.
///
/// The successor's class of the same name; for indices, the original's `EmbeddingInputKroneckerFactor`. Products work
/// with row-sparse and with dense gradients, which the original's refused.
public final class DiagonalKroneckerFactor: DiagonalFactor {
    /// Whether the last coordinate is the bias's.
    public let hasBias: Bool

    /// Creates a factor without statistics.
    ///
    /// - Parameter features: The extent of the last axis of what is given to ``update(_:decay:weight:)``, or the number
    ///   of classes.
    public init(
        features: Int, hasBias: Bool = false, settings: FactorSettings = FactorSettings(), dtype: DType = .float32,
        device: Device = .cpu
    ) {
        self.hasBias = hasBias
        super.init(dimension: features + (hasBias ? 1 : 0), settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch of vectors.
    ///
    /// - Parameters:
    ///   - sources: [batch, ..., features] each. Their squares, each a mean over all rows, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples of the first source by default.
    public func update(_ sources: [Tensor], decay: Double, weight: Double? = nil) {
        update(uses: sources.map { [$0] }, decay: decay, weight: weight)
    }

    /// Moves the average by a batch in which the layer was used several times: sources of one tensor each use.
    public func update(uses sources: [[Tensor]], decay: Double, weight: Double? = nil) {
        let squares = sources.map { uses in
            for use in uses where use.rank < 2 || use.shape.last != features {
                fatalError("DiagonalKroneckerFactor.update: a source of shape \(use.shape) for \(features) features")
            }
            let rows = uses.map { $0.reshaped([-1, features]) }
            let sum = rows.dropFirst().reduce(rows[0].squared().sum(0)) { $0 + $1.squared().sum(0) }
            return withBias(sum / Double(rows.reduce(0) { $0 + $1.shape[0] }))
        }
        update(sources: squares, decay: decay, weight: weight ?? Double(sources[0][0].shape[0]))
    }

    /// Moves the average by a batch of class indices, each of which stands for a one-hot vector.
    ///
    /// - Parameters:
    ///   - indices: Integers of any shape, [batch, ...], for each use.
    ///   - indicesPerRow: How many consecutive indices make up one row, a sum of one-hot vectors (a bag of words); each
    ///     counts, repeated ones too. With 1, each index is a row.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples of the first use by default.
    public func update(indices: [Tensor], indicesPerRow: Int = 1, decay: Double, weight: Double? = nil) {
        guard let first = indices.first else { fatalError("DiagonalKroneckerFactor.update: no indices") }
        let all = Tensor.concatenate(indices.map { $0.flattened() })
        guard all.count % indicesPerRow == 0 else {
            fatalError("DiagonalKroneckerFactor.update: \(all.count) indices, \(indicesPerRow) in a row")
        }
        let counts = all.occurrences(classes: features).to(diagonal.dtype)
        let frequencies = counts / Double(all.count / indicesPerRow)
        update(sources: [withBias(frequencies)], decay: decay, weight: weight ?? Double(first.shape.first ?? 1))
    }

    private var features: Int { dimension - (hasBias ? 1 : 0) }

    private func withBias(_ squares: Tensor) -> Tensor {
        hasBias ? squares.padded([(0, 1)], value: 1) : squares
    }
}
