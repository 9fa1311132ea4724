import Torch

/// Vectors whose second moment Σ xᵢ xᵢᵀ is wanted, in a form that knows how to compute it.
protocol SecondMoment {
    /// The number of vectors.
    var count: Int { get }

    /// Writes keep · target + scale · Σ xᵢ xᵢᵀ into `target`'s memory, [dimension, dimension].
    func accumulate(into target: Tensor, keep: Double, scale: Double)
}

/// Vectors held as the columns of a matrix: one product gives their second moment.
struct Rows: SecondMoment {
    /// [dimension, count]; any strides.
    let columns: Tensor
    /// Whether each vector ends in a 1 besides, the bias's coordinate.
    let hasBias: Bool

    var count: Int { columns.shape[1] }

    func accumulate(into target: Tensor, keep: Double, scale: Double) {
        let n = columns.shape[0]
        let body = hasBias ? target[0..<n, 0..<n] : target
        body.formSum(withProductOf: columns, columns.transposed(), beta: keep, alpha: scale)
        if hasBias { accumulateBias(into: target, sums: columns.sum(1), count: count, keep: keep, scale: scale) }
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
/// - Parameter sums: The sum of the vectors, without that coordinate.
func accumulateBias(into target: Tensor, sums: Tensor, count: Int, keep: Double, scale: Double) {
    let n = sums.shape[0]
    for border in [target[n, 0..<n], target[0..<n, n]] {
        border.multiply(inPlace: keep)
        border.add(inPlace: sums, scale: scale)
    }
    let corner = target[n, n]
    corner.multiply(inPlace: keep)
    corner.add(inPlace: scale * Double(count))
}
