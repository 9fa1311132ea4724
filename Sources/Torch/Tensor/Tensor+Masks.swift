// Masks and weights have the first axes of the tensors that they are for.
extension Tensor {
    /// The tensor with axes of extent 1 appended, at least as many axes as another one's: broadcast, its own are the
    /// first.
    package func alignedToFirstAxes(of other: Tensor) -> Tensor {
        reshaped(shape + [Int](repeating: 1, count: Swift.max(0, other.rank - rank)))
    }

    /// The mask that is true where this one and another one are.
    package func narrowed(by mask: Tensor) -> Tensor {
        alignedToFirstAxes(of: mask) .& mask.alignedToFirstAxes(of: self)
    }
}
