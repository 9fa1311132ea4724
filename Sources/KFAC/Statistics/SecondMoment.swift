import Torch

/// Vectors whose second moment Σ xᵢ xᵢᵀ is wanted, in a form that knows how to compute it.
///
/// Groups of vectors have a moment each, along a leading axis.
protocol SecondMoment {
    /// The number of vectors, of each group.
    var count: Int { get }

    /// Writes keep · target + scale · Σ xᵢ xᵢᵀ into `target`'s memory, [dimension, dimension] or [groups, ...] of that.
    func accumulate(into target: Tensor, keep: Double, scale: Double)
}

/// Vectors held as the columns of a matrix: one product gives their second moment.
struct Rows: SecondMoment {
    /// [dimension, count] or [groups, dimension, count]; any strides.
    let columns: Tensor
    /// Whether each vector ends in a 1 besides, the bias's coordinate.
    let hasBias: Bool

    /// Takes vectors as the columns of a matrix, or of one for each group.
    init(columns: Tensor, hasBias: Bool = false) {
        self.columns = columns
        self.hasBias = hasBias
    }

    var count: Int { columns.shape[columns.rank - 1] }

    func accumulate(into target: Tensor, keep: Double, scale: Double) {
        let n = columns.shape[columns.rank - 2]
        let body = hasBias ? target[.ellipsis, 0..<n, 0..<n] : target
        body.formSum(withProductOf: columns, columns.transposed(), beta: keep, alpha: scale)
        if hasBias { accumulateBias(into: target, sums: columns.sum(-1), count: count, keep: keep, scale: scale) }
    }

    /// The same vectors, cut into groups of neighbouring coordinates.
    func grouped(into groups: Int) -> Rows {
        guard groups > 1 else { return self }
        return Rows(columns: columns.reshaped([groups, columns.shape[0] / groups, count]), hasBias: hasBias)
    }

    /// The vectors in a tensor [..., dimension].
    static func last(of tensor: Tensor, hasBias: Bool = false) -> Rows {
        let dimension = tensor.shape[tensor.rank - 1]
        return Rows(columns: tensor.reshaped([-1, dimension]).transposed(), hasBias: hasBias)
    }

    /// The vectors in a tensor [batch, dimension, spatial...]: one for each example and location.
    static func channels(of tensor: Tensor, hasBias: Bool = false) -> Rows {
        Rows(columns: tensor.transposed(0, 1).reshaped([tensor.shape[1], -1]), hasBias: hasBias)
    }
}

/// Writes the bias's row and column, whose coordinate is 1 in each of `count` vectors: no column of ones is stored.
///
/// - Parameter sums: The sum of the vectors, without that coordinate, [dimension] or [groups, dimension].
func accumulateBias(into target: Tensor, sums: Tensor, count: Int, keep: Double, scale: Double) {
    let n = sums.shape[sums.rank - 1]
    for border in [target[.ellipsis, n, 0..<n], target[.ellipsis, 0..<n, n]] {
        border.multiply(inPlace: keep)
        border.add(inPlace: sums, scale: scale)
    }
    let corner = target[.ellipsis, n, n]
    corner.multiply(inPlace: keep)
    corner.add(inPlace: scale * Double(count))
}
