import Torch

/// A factor of vectors: with all its entries, its diagonal, or blocks.
enum VectorFactor {
    case dense(FullyConnectedKroneckerFactor)
    case diagonal(DiagonalKroneckerFactor)
    case blocks(BlockDiagonalFactor)

    /// Makes a factor of a shape.
    ///
    /// - Parameter hasBias: Whether its last coordinate is the bias's, which is no feature.
    init(_ shape: FactorShape, hasBias: Bool = false, settings: FactorSettings, like tensor: Tensor) {
        let features = shape.dimension - (hasBias ? 1 : 0)
        let (dtype, device) = (tensor.dtype, tensor.device)
        switch shape {
        case .diagonal:
            self = .diagonal(
                DiagonalKroneckerFactor(
                    features: features, hasBias: hasBias, settings: settings, dtype: dtype, device: device))
        case .blocks(let layout):
            self = .blocks(BlockDiagonalFactor(layout, settings: settings, dtype: dtype, device: device))
        default:
            self = .dense(
                FullyConnectedKroneckerFactor(
                    features: features, hasBias: hasBias, settings: settings, dtype: dtype, device: device))
        }
    }

    var factor: any FisherFactor {
        switch self {
        case .dense(let factor): factor
        case .diagonal(let factor): factor
        case .blocks(let factor): factor
        }
    }

    /// Moves the average by rows, so many of them in all uses of a source.
    func update(uses: [[Tensor]], count: Int, decay: Double) {
        guard count > 0 else { return fade(decay: decay) }
        let weight = Double(count)
        switch self {
        case .dense(let factor): factor.update(uses: uses, decay: decay, weight: weight)
        case .diagonal(let factor): factor.update(uses: uses, decay: decay, weight: weight)
        case .blocks(let factor):
            factor.update(rows: uses.map { $0.map { Rows.last(of: $0) } }, decay: decay, weight: weight)
        }
    }

    /// Lets the batches so far fade by one in which nothing counted.
    private func fade(decay: Double) { factor.fade(decay: decay) }
}
