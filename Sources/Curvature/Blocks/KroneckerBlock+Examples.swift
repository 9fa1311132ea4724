public import Torch

extension KroneckerBlock {
    /// The mean square of the examples' gradients along each eigenvector of a basis: the eigenvalues of EK-FAC.
    ///
    /// Exact for linear layers and convolutions of any kind, at any number of positions and uses: an example's gradient
    /// is summed over these before it is squared. At one position each, no gradient is formed: the squares of the two
    /// sides' coordinates are multiplied, [outputs, batch] times [batch, inputs]. Otherwise the examples' gradients are
    /// formed, a few at a time, which costs as much as the gradient of the weight and the turns into the basis of
    /// either the two sides or the gradients, whichever costs less.
    ///
    /// nil for embeddings and positions that are masked inside the model.
    public func squaredCoordinates(of statistics: BlockStatistics, in basis: any EigenbasisOperator) -> Tensor? {
        guard let gradients = ExampleGradientSides(statistics, hasBias: parameters.count > 1, order: order) else {
            return nil
        }
        let parameter = parameters[0].tensor
        let sum = Tensor.zeros([basis.dimension, 1], dtype: parameter.dtype, device: parameter.device)
        gradients.forEachChunk { sides in sum.add(inPlace: basis.sumOfSquares(sides)) }
        return sum / statistics.normalizer
    }
}

/// The gradient of each example as a product of two sides, Σₜ lₜ rₜᵀ over its positions, in the order of the weight's
/// memory.
private struct ExampleGradientSides {
    private let statistics: BlockStatistics
    private let hasBias: Bool
    private let order: KroneckerBlock.Order
    private let count: Int

    /// nil where examples cannot be told apart.
    init?(_ statistics: BlockStatistics, hasBias: Bool, order: KroneckerBlock.Order) {
        let counts = Set(statistics.uses.flatMap { [$0.input.shape[0], $0.preActivation.shape[0]] })
        guard counts.count == 1, statistics.uses.allSatisfy({ $0.mask == nil && $0.operation != .embedding }) else {
            return nil
        }
        (self.statistics, self.hasBias, self.order) = (statistics, hasBias, order)
        count = counts.first!
    }

    /// Calls a function with the gradients of some examples of a source at a time, so that memory stays bounded.
    func forEachChunk(elementLimit: Int = 1 << 22, _ body: (PerExampleGradients) -> Void) {
        var start = 0
        var size = 1
        while start < count {
            let examples = start..<min(start + size, count)
            let inputs = sides(statistics.uses.map { $0.input[examples] }, isInput: true)
            for source in statistics.gradients {
                let outputs = sides(source.map { $0[examples] }, isInput: false)
                let isRow = order == .outputsFirst
                body(PerExampleGradients(left: isRow ? outputs : inputs, right: isRow ? inputs : outputs))
            }
            start = examples.upperBound
            // The first example tells how large one is.
            let output = statistics.uses[0].preActivation
            let gradient = inputs.shape[1] * inputs.shape[2] * output.shape[statistics.uses[0].featureAxis]
            size = max(1, elementLimit / max(1, (inputs.count + gradient) / examples.count))
        }
    }

    /// [batch, groups, features, positions of all uses], with the bias's 1 as the inputs' last feature.
    private func sides(_ tensors: [Tensor], isInput: Bool) -> Tensor {
        let parts = zip(statistics.uses, tensors).map { use, tensor in
            guard let geometry = use.operation.geometry else {
                return tensor.reshaped([tensor.shape[0], 1, -1, tensor.shape[tensor.rank - 1]]).transposed()
            }
            guard isInput == geometry.isTransposed else {
                return Patches.perExample(of: tensor, geometry: geometry.forward)
            }
            let groups = geometry.groups
            return tensor.reshaped([tensor.shape[0], groups, tensor.shape[1] / groups, -1])
        }
        let all = parts.count == 1 ? parts[0] : Tensor.concatenate(parts, axis: 3)
        guard isInput, hasBias else { return all }
        return Tensor.concatenate([all, Tensor.ones(like: all[.all, .all, 0..<1])], axis: 2)
    }
}

extension LayerUse {
    /// The axis of the outputs' features.
    fileprivate var featureAxis: Int { operation.geometry == nil ? preActivation.rank - 1 : 1 }
}

extension EigenbasisOperator {
    /// The sum over examples of the squared coordinates of their gradients, [dimension, 1].
    fileprivate func sumOfSquares(_ gradients: PerExampleGradients) -> Tensor {
        let (left, right) = (gradients.left, gradients.right)
        guard let own = self as? KroneckerEigenOperator, left.shape[1] == 1 else {
            let all = left.matmul(right.transposed()).flattened(from: 1)
            return (0..<all.shape[0]).reduce(Tensor.zeros([dimension, 1], like: all)) { sum, example in
                sum + coordinates(of: all[example].expanded(at: 1)).squared()
            }
        }
        let (batch, rows, positions, columns) = (left.shape[0], left.shape[2], left.shape[3], right.shape[2])
        // [batch, positions, features]
        let (l, r) = (left.squeezed(at: 1).transposed(), right.squeezed(at: 1).transposed())
        let turnsSides =
            positions == 1 || positions * (rows * rows + columns * columns) < rows * columns * (rows + columns)
        guard turnsSides else {
            let byRows = l.transposed().matmul(r)
            let byColumns = own.right.transformRows(of: byRows.asRows).reshaped([batch, rows, -1]).transposed()
            let all = own.left.transformRows(of: byColumns.asRows).reshaped([batch, columns, rows])
            return all.squared().sum(0).transposed().reshaped([-1, 1])
        }
        func turned(_ side: Tensor, _ basis: Eigenbasis) -> Tensor {
            basis.transformRows(of: side.asRows).reshaped([batch, positions, -1]).transposed().expanded(at: 1)
        }
        let inBasis = PerExampleGradients(left: turned(l, own.left), right: turned(r, own.right))
        return inBasis.meanSquare().reshaped([-1, 1]) * Double(batch)
    }
}
