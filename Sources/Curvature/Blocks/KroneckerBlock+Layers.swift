public import Torch

extension KroneckerBlock {
    /// Creates a block for a layer's weight, or nil if the operation has no factors of the kind that is asked for.
    ///
    /// - Parameters:
    ///   - weight: The weight, in the shape that the operation takes.
    ///   - bias: The bias, if there is one that is optimised with the weight; not of transposed convolutions.
    ///   - operation: What is done with the weight.
    ///   - inputStructure: Diagonal for linear layers only; an embedding's is always diagonal.
    ///   - outputStructure: Diagonal for linear layers and embeddings only.
    ///   - sharing: What becomes of positions; of embeddings `expand` only.
    ///   - settings: How the factors average.
    public convenience init?(
        weight: NamedParameter, bias: NamedParameter?, operation: LayerUse.Operation,
        inputStructure: Approximation.Structure = .dense, outputStructure: Approximation.Structure = .dense,
        sharing: Approximation.Sharing = .expand, settings: FactorSettings = FactorSettings()
    ) {
        let parameters = [weight] + (bias.map { [$0] } ?? [])
        let isDense = inputStructure == .dense && outputStructure == .dense
        switch operation {
        case .linear:
            self.init(
                linear: parameters, isTransposed: false, structures: (inputStructure, outputStructure),
                sharing: sharing, settings: settings)
        case .transposedLinear where bias == nil:
            self.init(
                linear: parameters, isTransposed: true, structures: (inputStructure, outputStructure),
                sharing: sharing, settings: settings)
        case .convolution(let geometry) where isDense && (bias == nil || !geometry.isTransposed):
            self.init(convolution: parameters, geometry: geometry, sharing: sharing, settings: settings)
        case .embedding where bias == nil && sharing == .expand:
            self.init(embedding: weight, outputStructure: outputStructure, settings: settings)
        default:
            return nil
        }
    }

    /// A linear layer, at any number of positions and in any number of uses.
    private convenience init(
        linear parameters: [NamedParameter], isTransposed: Bool,
        structures: (input: Approximation.Structure, output: Approximation.Structure),
        sharing: Approximation.Sharing, settings: FactorSettings
    ) {
        let weight = parameters[0].tensor
        let hasBias = parameters.count > 1
        let shapes = KroneckerShapes(
            weight: weight.shape, hasBias: hasBias, operation: isTransposed ? .transposedLinear : .linear,
            structures: structures, settings: settings)!
        let inputs = VectorFactor(shapes.input, hasBias: hasBias, settings: settings, like: weight)
        let outputs = VectorFactor(shapes.output, settings: settings, like: weight)
        self.init(
            parameters, input: inputs.factor, output: outputs.factor,
            order: isTransposed ? .inputsFirst : .outputsFirst
        ) { statistics in
            switch sharing {
            case .expand:
                let rows = statistics.countedRows()
                inputs.update(uses: [rows.inputs], count: rows.count, decay: statistics.decay)
                outputs.update(uses: rows.gradients, count: rows.count, decay: statistics.decay)
                return Double(rows.count) / statistics.normalizer
            case .reduce:
                let examples = statistics.reducedVectors()
                inputs.update(uses: [[examples.input]], count: examples.count, decay: statistics.decay)
                outputs.update(
                    uses: examples.gradients.map { [$0] }, count: examples.count, decay: statistics.decay)
                return Double(examples.count) / statistics.normalizer
            }
        }
    }

    /// A convolution over any number of spatial axes, with groups, transposed or not.
    private convenience init(
        convolution parameters: [NamedParameter], geometry: ConvolutionGeometry, sharing: Approximation.Sharing,
        settings: FactorSettings
    ) {
        let weight = parameters[0].tensor
        let hasBias = parameters.count > 1
        let isTransposed = geometry.isTransposed
        let shapes = KroneckerShapes(
            weight: weight.shape, hasBias: hasBias, operation: .convolution(geometry), settings: settings)!
        let inputs = ConvolutionFactor(
            inputOf: weight, geometry: geometry, hasBias: hasBias, shape: shapes.input, settings: settings)
        let outputs = ConvolutionFactor(
            outputOf: weight, geometry: geometry, shape: shapes.output, settings: settings)
        self.init(
            parameters, input: inputs.factor, output: outputs.factor,
            order: isTransposed ? .inputsFirst : .outputsFirst, groups: geometry.groups
        ) { statistics in
            let statistics =
                sharing == .reduce ? statistics.withCountedExamples() : statistics.withCountedImages()
            let counted = statistics.countedPositions()
            // The same kernel may be used with different strides and dilations.
            let geometries = statistics.uses.map { $0.operation.geometry ?? geometry }
            let sides = ConvolutionSides(statistics, geometries: geometries, counted: counted)
            guard sides.count > 0 else {
                inputs.fade(decay: statistics.decay)
                outputs.fade(decay: statistics.decay)
                return 0
            }
            switch sharing {
            case .expand where counted.allSatisfy({ $0 == nil }):
                let weight = Double(sides.count)
                inputs.update(
                    [statistics.uses.map(\.input)], geometries: geometries, decay: statistics.decay, weight: weight)
                outputs.update(
                    statistics.gradients, geometries: geometries, decay: statistics.decay, weight: weight)
                return weight / statistics.normalizer
            case .expand:
                return sides.update(inputs, outputs, with: sides.countedRows(hasBias: hasBias)) / statistics.normalizer
            case .reduce:
                return sides.update(inputs, outputs, with: sides.reducedRows(hasBias: hasBias)) / statistics.normalizer
            }
        }
    }

    /// A convolution whose patches' pixels are taken for uncorrelated (``SpatiallyUncorrelatedConvInputFactor``).
    ///
    /// nil for convolutions of several groups and transposed ones.
    public convenience init?(
        uncorrelatedPixels weight: NamedParameter, bias: NamedParameter?, geometry: ConvolutionGeometry,
        settings: FactorSettings = FactorSettings()
    ) {
        guard geometry.groups == 1, !geometry.isTransposed else { return nil }
        let (shape, dtype, device) = (weight.tensor.shape, weight.tensor.dtype, weight.tensor.device)
        let inputs = SpatiallyUncorrelatedConvInputFactor(
            channels: shape[1], kernel: geometry.kernel, hasBias: bias != nil, settings: settings, dtype: dtype,
            device: device)
        let outputs = ConvolutionFactor(
            outputOf: weight.tensor, geometry: geometry, shape: FactorShape(units: shape[0], settings: settings),
            settings: settings)
        self.init([weight] + (bias.map { [$0] } ?? []), input: inputs, output: outputs.factor) { statistics in
            let statistics = statistics.withCountedImages()
            guard statistics.uses.allSatisfy({ $0.mask == nil }) else {
                fatalError("uncorrelatedPixels: a mask of positions needs the patches; use .kronecker()")
            }
            let count = statistics.uses.map(\.locationCount).reduce(0, +)
            guard count > 0 else {
                inputs.fade(decay: statistics.decay)
                outputs.fade(decay: statistics.decay)
                return 0
            }
            let (decay, weight) = (statistics.decay, Double(count))
            inputs.update(inputs: statistics.uses.map(\.input), decay: decay, weight: weight)
            let geometries = statistics.uses.map { $0.operation.geometry ?? geometry }
            outputs.update(statistics.gradients, geometries: geometries, decay: decay, weight: weight)
            return weight / statistics.normalizer
        }
    }

    /// An embedding: A is the diagonal of the classes' frequencies, exactly, and no one-hot vector is formed.
    private convenience init(
        embedding weight: NamedParameter, outputStructure: Approximation.Structure, settings: FactorSettings
    ) {
        let shape = weight.tensor.shape
        let inputs = DiagonalKroneckerFactor(
            features: shape[0], settings: settings, dtype: weight.tensor.dtype, device: weight.tensor.device)
        let outputs = VectorFactor(
            FactorShape(units: shape[1], structure: outputStructure, settings: settings), settings: settings,
            like: weight.tensor)
        self.init([weight], input: inputs, output: outputs.factor, order: .inputsFirst) { statistics in
            let rows = statistics.countedRows()
            if rows.count > 0 {
                inputs.update(indices: rows.inputs, decay: statistics.decay, weight: Double(rows.count))
            } else {
                inputs.fade(decay: statistics.decay)
            }
            outputs.update(uses: rows.gradients, count: rows.count, decay: statistics.decay)
            return Double(rows.count) / statistics.normalizer
        }
    }
}

extension LayerUse {
    /// The number of examples times the locations of a convolution's gradient: those of the side without patches.
    var locationCount: Int {
        let side = operation.geometry?.isTransposed == true ? input : preActivation
        return side.count / side.shape[1]
    }
}

extension LayerUse.Operation {
    /// How a convolution's kernel moves.
    var geometry: ConvolutionGeometry? {
        if case .convolution(let geometry) = self { geometry } else { nil }
    }
}
