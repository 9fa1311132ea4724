import CTorch

extension Tensor {
    /// The same elements in another shape; one extent may be −1 and is then worked out.
    public func reshaped(_ shape: [Int]) -> Tensor {
        Tensor.requireCount(shape, "reshaped", of: [self], allowsInferred: true)
        return make("reshaped") { x, output in shape.withInt64 { ct_reshape(x, $0, $1, output) } }
    }

    /// The same elements along one axis, or along the axes before `axis` and one more.
    public func flattened(from axis: Int = 0) -> Tensor {
        let shape = shape
        guard (0...shape.count).contains(axis) else { Tensor.trap("flattened", [self], "there is no axis \(axis)") }
        // The last extent is not left to libtorch, which cannot tell it for an empty batch.
        return reshaped(Array(shape[..<axis]) + [shape[axis...].reduce(1, *)])
    }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`.
    public func permuted(_ axes: Int...) -> Tensor { permuted(axes) }

    /// The axes in another order: axis `i` of the result is axis `axes[i]`.
    public func permuted(_ axes: [Int]) -> Tensor {
        make("permuted") { x, output in axes.withInt64 { ct_permute(x, $0, $1, output) } }
    }

    /// The two axes exchanged; by default the last two, which transposes a matrix.
    public func transposed(_ axis0: Int = -2, _ axis1: Int = -1) -> Tensor {
        make("transposed") { ct_transpose($0, Int64(axis0), Int64(axis1), $1) }
    }

    /// Axes of extent 1 repeated to fill `shape`, without a copy; −1 leaves an extent as it is.
    public func broadcast(to shape: [Int]) -> Tensor {
        Tensor.requireCount(shape, "broadcast", of: [self], allowsInferred: true)
        return make("broadcast") { x, output in shape.withInt64 { ct_expand(x, $0, $1, output) } }
    }

    /// One more axis, of extent 1.
    public func expanded(at axis: Int) -> Tensor { make("expanded") { ct_unsqueeze($0, Int64(axis), $1) } }

    /// Without an axis of extent 1.
    public func squeezed(at axis: Int) -> Tensor {
        let result = make("squeezed") { ct_squeeze($0, Int64(axis), $1) }
        guard result.rank < rank else { Tensor.trap("squeezed", [self], "the extent of axis \(axis) is not 1") }
        return result
    }

    /// The diagonal of a matrix, or of each matrix in the last two axes.
    public func diagonal() -> Tensor { make("diagonal", ct_diagonal) }

    /// The matrix with this vector on its diagonal and zeros elsewhere.
    public func diagonalMatrix() -> Tensor { make("diagonalMatrix", ct_diag_embed) }

    /// The sum of a matrix's diagonal.
    public func trace() -> Tensor { diagonal().sum(-1) }

    /// The lower triangle, zeros above it.
    public func lowerTriangle(_ offset: Int = 0) -> Tensor { make("lowerTriangle") { ct_tril($0, Int64(offset), $1) } }

    /// The upper triangle, zeros below it.
    public func upperTriangle(_ offset: Int = 0) -> Tensor { make("upperTriangle") { ct_triu($0, Int64(offset), $1) } }

    /// The elements in opposite order along the given axes.
    public func flipped(_ axes: Int...) -> Tensor {
        make("flipped") { x, output in axes.withInt64 { ct_flip(x, $0, $1, output) } }
    }

    /// The windows of `size` elements along an axis, `step` apart, on one more axis at the end; a view.
    public func windows(along axis: Int, size: Int, step: Int = 1) -> Tensor {
        make("windows") { ct_unfold_axis($0, Int64(axis), Int64(size), Int64(step), $1) }
    }

    /// A border of `value` around the elements: for each axis from the last, the width before and after.
    public func padded(_ widths: [(before: Int, after: Int)], value: Double = 0) -> Tensor {
        let flat = widths.flatMap { [$0.before, $0.after] }
        return make("padded") { x, output in flat.withInt64 { ct_pad(x, $0, $1, value, output) } }
    }

    /// Tensors joined along an axis that they have.
    public static func concatenate(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
        make("concatenate", tensors) { ct_cat($0, $1, Int64(axis), $2) }
    }

    /// Tensors of one shape joined along a new axis.
    public static func stack(_ tensors: [Tensor], axis: Int = 0) -> Tensor {
        make("stack", tensors) { ct_stack($0, $1, Int64(axis), $2) }
    }
}
