import Torch

extension BlockPlan {
    /// What the block will take of memory; nothing where there is no such block.
    ///
    /// - Parameters:
    ///   - parameters: Those of the block.
    ///   - uses: All uses of the pass.
    ///   - settings: Those of the factors.
    func memory(of parameters: [NamedParameter], uses: [LayerUse], settings: FactorSettings) -> LayerMemory {
        let operation = self.uses.first.map { uses[$0].operation }
        let shapes = shapes(of: parameters, operation: operation, settings: settings)
        let elementBytes = parameters[0].tensor.dtype.byteCount
        let isExact = shapes.count == 2 && settings.dampingSplit == .exact
        let isSeries = if case .timeSeries = approximation { true } else { false }
        let factors = shapes.map { side, shape in
            FactorMemory(
                layer: layerName(of: parameters), side: side, shape: shape,
                isDiagonalised: isExact || isSeries, elementBytes: elementBytes)
        }
        var memory = LayerMemory(factors: factors)
        if isSeries || isExact {
            // Eigenvalues of the product, one for each entry of the weight; dense products of several groups.
            var entries = Double(shapes[0].shape.dimension) * Double(shapes[1].shape.dimension)
            if case .dense(let m, let groups) = shapes[0].shape, case .dense(let n, _) = shapes[1].shape, groups > 1 {
                entries = Double(groups) * Double(m) * Double(m) * Double(n) * Double(n)
            }
            if case .repeated = shapes[0].shape {
                entries += Double(shapes[0].shape.dimension) * Double(shapes[0].shape.dimension)
            }
            memory.sharedBytes = byteCount(entries, elementBytes)
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
        case .genericDiagonal, .diagonal: return [(.parameters, .diagonal(dimension: total))]
        case .genericFull, .full: return [(.parameters, .dense(dimension: total, groups: 1))]
        case .unitwise: return [(.parameters, .unitwise(units: parameters[0].tensor.count))]
        case .kronecker(let input, let output, _):
            let shapes = operation.flatMap {
                KroneckerShapes(
                    weight: shape, hasBias: hasBias, operation: $0, structures: (input, output), settings: settings)
            }
            return shapes.map { [(.input, $0.input), (.output, $0.output)] } ?? []
        case .uncorrelatedPixels:
            guard case .convolution(let geometry) = operation else { return [] }
            let positions = geometry.kernel.reduce(1, *)
            return [
                (.input, .repeated(channels: shape[1], positions: positions, hasBias: hasBias)),
                (.output, FactorShape(units: shape[0], settings: settings)),
            ]
        case .timeSeries:
            guard shape.count == 2 else { return [] }
            return [
                (.input, .series(dimension: shape[1] + (hasBias ? 1 : 0))), (.output, .series(dimension: shape[0])),
            ]
        }
    }
}
