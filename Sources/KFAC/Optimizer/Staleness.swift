import Optimization
import Torch

extension SymmetricOperator {
    /// How far an older inverse is from this matrix's own: ‖(self · inverse − 1) v‖ / ‖v‖ for one random v.
    ///
    /// 0 for the inverse itself; the mean of its square over all v is ‖self · inverse − 1‖² / dimension, in Frobenius's
    /// norm. For a Kronecker product v is one, too, u ⊗ w, so that the probe costs two products with each factor and
    /// each inverse, 4(m² + n²) flops where an inverse costs m³ + n³.
    ///
    /// - Parameter like: A tensor of the matrix's type and device.
    func staleness(of inverse: any SymmetricOperator, like: Tensor, seed: UInt64) -> Double {
        var generator = RandomGenerator(seed: seed)
        func vector(_ count: Int) -> Tensor { generator.normal([count, 1], dtype: like.dtype).to(like.device) }
        guard let product = self as? KroneckerOperator, let inverse = inverse as? KroneckerOperator else {
            let v = vector(dimension)
            return ((apply(inverse.apply(v)) - v).squared().sum() / v.squared().sum()).squareRoot().scalar
        }
        // ‖p ⊗ q − u ⊗ w‖² = ‖(p − u) ⊗ q + u ⊗ (q − w)‖² without the long vectors, nor a difference of their lengths.
        let (u, w) = (vector(product.left.dimension), vector(product.right.dimension))
        let p = product.left.apply(inverse.left.apply(u))
        let q = product.right.apply(inverse.right.apply(w))
        func inner(_ a: Tensor, _ b: Tensor) -> Double { a.innerProduct(b).scalar }
        let (left, right) = (p - u, q - w)
        let square =
            inner(left, left) * inner(q, q) + 2 * inner(left, u) * inner(q, right) + inner(u, u) * inner(right, right)
        return (max(0, square) / (inner(u, u) * inner(w, w))).squareRoot()
    }
}
