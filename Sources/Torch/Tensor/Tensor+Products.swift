import CTorch

extension Tensor {
    /// The matrix product; with more than two axes, of the matrices in the last two, broadcast over the others.
    ///
    /// A product with a parameter on the right, or with its transpose, is a use of a layer: see ``LayerUse``.
    public func matmul(_ other: Tensor) -> Tensor {
        let product = Tensor.make("matmul", self, other, explaining: OperandDefect.ofProduct, ct_matmul)
        LayerUse.reportProduct(of: self, with: other, product)
        return product
    }

    /// beta · self + alpha · a · b, for matrices or batches of matrices.
    public func adding(productOf a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1) -> Tensor {
        Tensor.make("adding(productOf:)", [self, a, b]) { ct_addmm($0![0], $0![1], $0![2], beta, alpha, $2) }
    }

    /// Writes beta · self + alpha · a · b into this tensor's memory, for matrices or batches of matrices.
    ///
    /// One pass over memory does the product, the scale and the running average.
    public func formSum(withProductOf a: Tensor, _ b: Tensor, beta: Double = 1, alpha: Double = 1) {
        perform("formSum(withProductOf:)", with: a, b, explaining: OperandDefect.ofProductSum) {
            ct_addmm_in_place($0, a.handle.pointer, b.handle.pointer, beta, alpha)
        }
    }

    /// A sum of products in Einstein's notation, for example `.einsum("bi,bj->ij", x, y)`.
    public static func einsum(_ equation: String, _ operands: Tensor...) -> Tensor {
        make("einsum", operands) { ct_einsum(equation, $0, $1, $2) }
    }

    /// The sum of the products of the elements of two tensors of one shape.
    public func dot(_ other: Tensor) -> Tensor {
        guard shape == other.shape else { Tensor.trap("dot", [self, other], "the shapes differ") }
        // In which order the elements lie in memory does not matter, as long as both have the same.
        let isSame = imageLayout == other.imageLayout
        return (isSame ? inMemoryOrder : self).flattened().matmul((isSame ? other.inMemoryOrder : other).flattened())
    }

    /// The sum of the products of the elements of two tensors of one shape, in double precision: float64, a constant
    /// for differentiation.
    ///
    /// Each product of float32 elements is exact. The sum in single precision (``dot(_:)``) is off by about 1e-6 of the
    /// sum of the magnitudes for a million elements, and by 1e-4 for ten millions.
    public func innerProduct(_ other: Tensor) -> Tensor {
        guard shape == other.shape else { Tensor.trap("innerProduct", [self, other], "the shapes differ") }
        return Tensor.make("innerProduct", self, other, ct_inner_product)
    }
}
