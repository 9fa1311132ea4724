import Torch

extension BlockPlan {
    /// The memory that the block will take; nothing if there is no such block.
    ///
    /// - Parameters:
    ///   - parameters: Those of the block.
    ///   - settings: Those of the factors.
    func memory(of parameters: [NamedParameter], settings: FactorSettings) -> LayerMemory {
        let operation = operations.first
        let shapes = shapes(of: parameters, operation: operation, settings: settings)
        let elementBytes = parameters[0].tensor.dtype.byteCount
        let isProduct = shapes.count == 2
        let isSeries = if case .timeSeries = approximation { true } else { false }
        let isDiagonalised = isSeries || isProduct && settings.dampingSplit == .exact
        // Of several groups, dense products are damped exactly.
        let groups = operation?.geometry?.groups ?? 1
        let isDenseProduct =
            isDiagonalised && groups > 1
            && shapes.allSatisfy { if case .dense = $0.shape { true } else { false } }
        var memory = LayerMemory(
            factors: shapes.map { side, shape in
                FactorMemory(
                    layer: layerName(of: parameters), side: side, shape: shape, isDiagonalised: isDiagonalised,
                    keepsInverse: !isDenseProduct, elementBytes: elementBytes)
            })
        if kind == .tied { memory.sharedBytes = byteCount(Double(parameters[0].tensor.count), elementBytes) }
        if isDiagonalised {
            // The eigenvalues of the product of each group; or all its entries.
            let rows = shapes.reduce(1.0) { $0 * Double($1.shape.dimension / groups) }
            memory.sharedBytes = byteCount(Double(groups) * (isDenseProduct ? rows * rows : rows), elementBytes)
        }
        return memory
    }

    private func shapes(
        of parameters: [NamedParameter], operation: LayerUse.Operation?, settings: FactorSettings
    ) -> [(side: FactorMemory.Side, shape: FactorShape)] {
        let shape = parameters[0].tensor.shape
        let total = parameters.reduce(0) { $0 + $1.tensor.count }
        let hasBias = parameters.count > 1
        switch approximation {
        // The memory of a user's blocks is not known.
        case .custom: return []
        case .genericDiagonal, .diagonal: return [(.parameters, .diagonal(dimension: total))]
        case .genericFull, .full: return [(.parameters, .dense(dimension: total, groups: 1))]
        case .unitwise: return [(.parameters, .unitwise(units: parameters[0].tensor.count))]
        case .kronecker where kind == .tied:
            return operations.flatMap { operation -> [(FactorMemory.Side, FactorShape)] in
                let shapes = KroneckerShapes(
                    weight: shape, hasBias: false, operation: operation,
                    structures: KroneckerSumBlock.structures(ofWeight: shape, operation), settings: settings)
                return shapes.map { [(.input, $0.input), (.output, $0.output)] } ?? []
            }
        case .kronecker(let input, let output, _):
            let shapes = operation.flatMap {
                KroneckerShapes(
                    weight: shape, hasBias: hasBias, operation: $0, structures: (input, output), settings: settings)
            }
            return shapes.map { [(.input, $0.input), (.output, $0.output)] } ?? []
        case .uncorrelatedPixels:
            guard case .convolution(let geometry) = operation else { return [] }
            let positions = geometry.kernel.reduce(1, *)
            let input = FactorShape.repeated(
                channels: shape[1], positions: positions, hasBias: hasBias, isExact: settings.dampingSplit == .exact)
            return [(.input, input), (.output, FactorShape(units: shape[0], settings: settings))]
        case .timeSeries(let form):
            guard shape.count == 2 else { return [] }
            return [
                (.input, .series(dimension: shape[1] + (hasBias ? 1 : 0), form: form)),
                (.output, .series(dimension: shape[0], form: form)),
            ]
        }
    }
}
