package import Torch

/// A linear layer's gradient as a product of thin matrices, where the batch has fewer rows than the layer: its rank is
/// at most that number.
///
/// g = δᵀ x with δ the gradients of the mean loss with respect to what comes out, x what goes in and, with a bias, 1.
/// Then G⁻¹ g A⁻¹ = (G⁻¹ δᵀ)(x A⁻¹) takes 2 r (m² + n² + m n) flops instead of 2 m n (m + n), for r rows, m outputs and
/// n inputs: 21 times fewer for 128 rows and 4096 of each.
package struct ThinGradient {
    /// δ, [rows, outputs].
    package let outputs: Tensor
    /// x, [rows, inputs (+ 1)].
    package let inputs: Tensor

    /// Takes apart the gradient of a layer that is used once.
    ///
    /// - Parameters:
    ///   - use: The use of the layer.
    ///   - hasBias: Whether the bias is among the block's parameters.
    ///   - gradient: That of the mean loss with respect to the pre-activation.
    package init(_ use: LayerUse, hasBias: Bool, gradient: Tensor) {
        outputs = gradient.reshaped([-1, gradient.shape[gradient.rank - 1]])
        let rows = use.input.reshaped([-1, use.input.shape[use.input.rank - 1]])
        inputs = hasBias ? Tensor.concatenate([rows, Tensor.ones(like: rows[.all, 0..<1])], axis: 1) : rows
    }

    /// Whether the thin form is clearly cheaper, the product that it is checked with included.
    ///
    /// - Parameters:
    ///   - rows: The number of rows of both matrices.
    ///   - outputs: The number of outputs, and how many of them a row of their factor has entries for.
    ///   - inputs: The same of the inputs.
    package static func pays(
        rows: Int, outputs: (count: Int, width: Int), inputs: (count: Int, width: Int)
    ) -> Bool {
        let (r, m, n) = (Double(rows), Double(outputs.count), Double(inputs.count))
        let (own, other) = (Double(outputs.width), Double(inputs.width))
        return r * (m * own + n * other + 2 * m * n) < 0.5 * m * n * (own + other)
    }

    /// Whether the product is this gradient, [outputs, inputs (+ 1)], up to rounding.
    ///
    /// It is not if the loss depends on the weight in another way than through the layer, as by a penalty. A step asks
    /// this each time, because each step's closure may build another graph: no earlier step proves anything for this
    /// one. The product costs a fraction of what the thin form saves, and ``pays(rows:outputs:inputs:)`` counts it in.
    package func isEqual(to gradient: Tensor) -> Bool {
        let difference = outputs.transposed().matmul(inputs) - gradient
        let unit = gradient.dtype == .float64 ? 0x1p-52 : 0x1p-23
        let bound = unit * Double(outputs.shape[0]) * norm(outputs) * norm(inputs)
        return norm(difference) <= bound
    }

    private func norm(_ tensor: Tensor) -> Double { tensor.dot(tensor).scalar.squareRoot() }
}

extension KroneckerBlock {
    /// The use of this layer in a pass whose gradient is cheaper to precondition in thin form; nil if there is none.
    package func thinUse(among uses: [LayerUse]) -> LayerUse? {
        let own = Set(parameters.map(\.tensor.id))
        let mine = uses.filter { $0.parameters.contains { own.contains($0.id) } }
        guard order == .outputsFirst, let inputWidth = input.rowWidth, let outputWidth = output.rowWidth,
            // The proof that a gradient is its thin form needs more digits than bfloat16 has.
            mine.count == 1, mine[0].operation == .linear, mine[0].preActivation.dtype.isFullPrecision,
            parameters.map(\.tensor.id) == mine[0].parameters.prefix(parameters.count).map(\.id)
        else { return nil }
        let rows = mine[0].input.count / max(1, mine[0].input.shape[mine[0].input.rank - 1])
        let pays = ThinGradient.pays(
            rows: rows, outputs: (output.dimension, outputWidth), inputs: (input.dimension, inputWidth))
        return pays ? mine[0] : nil
    }

    /// An operator of this block times a thin gradient; nil for one that is no Kronecker product.
    package func apply(_ operation: any LinearOperator, to gradient: ThinGradient) -> [Tensor]? {
        guard let product = operation as? KroneckerOperator else { return nil }
        let left = product.left.apply(gradient.outputs.transposed())
        let right = product.right.apply(gradient.inputs.transposed())
        return tensors(from: left.matmul(right.transposed()).reshaped([-1, 1]))
    }
}

extension FisherFactor {
    /// The number of entries in a row of the inverse; nil if it is not made of dense matrices.
    fileprivate var rowWidth: Int? {
        switch self {
        case let own as InverseProvidingFactor: own.groupDimension
        case let own as BlockDiagonalFactor: own.layout.size
        default: nil
        }
    }
}
