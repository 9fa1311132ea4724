import Torch

/// Vectors whose second moment Σ xᵢ xᵢᵀ is wanted, in a form that knows how to compute it.
///
/// Groups of vectors have a moment each, along a leading axis.
protocol SecondMoment {
    /// The number of vectors, of each group.
    var count: Int { get }

    /// The memory that the vectors are read from.
    var memory: Tensor { get }

    /// Writes keep · target + scale · Σ xᵢ xᵢᵀ into `target`'s memory, [dimension, dimension] or [groups, ...] of that.
    ///
    /// - Parameters:
    ///   - target: Symmetric, not in the ``memory`` of the vectors.
    ///   - form: The plain form takes a general product; all others may make use of the symmetry.
    func accumulate(into target: Tensor, keep: Double, scale: Double, form: StatisticsForm)
}

/// Vectors held in memory: one product gives their second moment.
struct Rows: SecondMoment {
    /// [batch, groups · dimension, locations], with any strides: a vector for each batch entry and location.
    let vectors: Tensor
    /// The number of groups of neighbouring coordinates.
    let groups: Int
    /// Whether each vector ends in a 1 besides, the bias's coordinate.
    let hasBias: Bool

    /// Takes vectors that lie in [batch, groups · dimension, locations].
    init(vectors: Tensor, groups: Int = 1, hasBias: Bool = false) {
        self.vectors = vectors
        self.groups = groups
        self.hasBias = hasBias
    }

    /// Takes vectors as the columns of a matrix [dimension, count], or of one for each group, [groups, ...] of that.
    init(columns: Tensor, hasBias: Bool = false) {
        let groups = columns.rank == 3 ? columns.shape[0] : 1
        let joined = columns.rank == 3 ? columns.reshaped([-1, columns.shape[2]]) : columns
        self.init(vectors: joined.expanded(at: 0), groups: groups, hasBias: hasBias)
    }

    var count: Int { vectors.shape[0] * vectors.shape[2] }

    var memory: Tensor { vectors }

    /// The vectors as columns, [groups, dimension, count].
    var columns: Tensor { vectors.transposed(0, 1).reshaped([groups, vectors.shape[1] / groups, -1]) }

    func accumulate(into target: Tensor, keep: Double, scale: Double, form: StatisticsForm) {
        let n = vectors.shape[1] / groups
        let grouped = target.rank == 3 ? target : target.expanded(at: 0)
        let body = hasBias ? grouped[.all, 0..<n, 0..<n] : grouped
        if form != .plain, LineProducts.canRun(on: vectors.device) {
            body.formSum(withSecondMomentOf: vectors, beta: keep, alpha: scale)
        } else {
            let columns = columns
            // A matrix by itself is multiplied on all threads; matrices of a batch are divided among them.
            if groups == 1 {
                body[0].formSum(withProductOf: columns[0], columns[0].transposed(), beta: keep, alpha: scale)
            } else {
                body.formSum(withProductOf: columns, columns.transposed(), beta: keep, alpha: scale)
            }
        }
        if hasBias {
            let sums = vectors.sum(axes: [0, 2]).reshaped([groups, n])
            accumulateBias(into: grouped, sums: sums, count: count, keep: keep, scale: scale)
        }
    }

    /// The same vectors, cut into groups of neighbouring coordinates.
    func grouped(into groups: Int) -> Rows { Rows(vectors: vectors, groups: groups, hasBias: hasBias) }

    /// The vectors in a tensor [..., dimension].
    static func last(of tensor: Tensor, hasBias: Bool = false) -> Rows {
        let dimension = tensor.shape[tensor.rank - 1]
        return Rows(vectors: tensor.reshaped([-1, dimension]).expanded(at: 2), hasBias: hasBias)
    }

    /// The vectors in a tensor [batch, dimension, spatial...]: one for each example and location.
    static func channels(of tensor: Tensor, hasBias: Bool = false) -> Rows {
        Rows(vectors: tensor.reshaped([tensor.shape[0], tensor.shape[1], -1]), hasBias: hasBias)
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
