import Torch

/// Rows whose second moment Σ xᵢ xᵢᵀ is wanted, as the columns of a matrix.
///
/// The bias's coordinate, a constant 1 in each row, is never stored: its row of the moment is the sum of the rows.
struct Rows {
    /// [dimension, rows]; any strides.
    let columns: Tensor
    /// Whether each row ends in a 1 besides.
    let hasBias: Bool

    /// The number of rows.
    var count: Int { columns.shape[1] }

    /// Writes keep · target + scale · Σ xᵢ xᵢᵀ into `target`'s memory.
    func accumulate(into target: Tensor, keep: Double, scale: Double) {
        guard hasBias else {
            target.formSum(withProductOf: columns, columns.transposed(), beta: keep, alpha: scale)
            return
        }
        let n = columns.shape[0]
        target[0..<n, 0..<n].formSum(withProductOf: columns, columns.transposed(), beta: keep, alpha: scale)
        let sums = columns.sum(1)
        for border in [target[n, 0..<n], target[0..<n, n]] {
            border.multiply(inPlace: keep)
            border.add(inPlace: sums, scale: scale)
        }
        let corner = target[n, n]
        corner.multiply(inPlace: keep)
        corner.add(inPlace: scale * Double(count))
    }

    /// The rows of a tensor [..., dimension].
    static func last(of tensor: Tensor, hasBias: Bool = false) -> Rows {
        let dimension = tensor.shape.last!
        return Rows(columns: tensor.reshaped([-1, dimension]).transposed(), hasBias: hasBias)
    }

    /// The rows of a tensor [batch, dimension, spatial...]: one for each example and location.
    static func channels(of tensor: Tensor) -> Rows {
        Rows(columns: tensor.transposed(0, 1).reshaped([tensor.shape[1], -1]), hasBias: false)
    }
}
