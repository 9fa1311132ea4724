public import Torch

extension KroneckerBlock {
    /// Creates a block for a layer's weight, or nil where the operation has no factors of the kind that is asked for.
    ///
    /// - Parameters:
    ///   - weight: The weight, in the shape that the operation takes.
    ///   - bias: The bias, where there is one that is optimised with the weight; not of transposed convolutions.
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
                linear: parameters, structures: (inputStructure, outputStructure), sharing: sharing, settings: settings)
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
        linear parameters: [NamedParameter],
        structures: (input: Approximation.Structure, output: Approximation.Structure),
        sharing: Approximation.Sharing, settings: FactorSettings
    ) {
        let weight = parameters[0].tensor
        let hasBias = parameters.count > 1
        let shapes = KroneckerShapes(
            weight: weight.shape, hasBias: hasBias, operation: .linear, structures: structures, settings: settings)!
        let inputs = VectorFactor(shapes.input, hasBias: hasBias, settings: settings, like: weight)
        let outputs = VectorFactor(shapes.output, settings: settings, like: weight)
        self.init(parameters, input: inputs.factor, output: outputs.factor) { statistics in
            let batch = statistics.batchSize
            let uses = statistics.uses.map(\.input)
            let positions = uses.map { $0.count / $0.shape[$0.rank - 1] }.reduce(0, +)
            switch sharing {
            case .expand:
                inputs.update(uses: [uses], statistics)
                outputs.update(uses: statistics.gradients, statistics)
                return Double(positions) / Double(batch)
            case .reduce:
                let mean = summedPositions(uses, batch: batch) * (Double(batch) / Double(positions))
                inputs.update(uses: [[mean]], statistics)
                outputs.update(
                    uses: statistics.gradients.map { [summedPositions($0, batch: batch)] }, statistics)
                return 1
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
            let weight = Double(statistics.batchSize)
            // The same kernel may be used with different strides and dilations.
            let uses = statistics.uses.map { ($0.input, $0.operation.geometry ?? geometry) }
            // Examples and spatial positions: all axes but the channels.
            let locations = statistics.uses.map(\.locationCount).reduce(0, +)
            switch sharing {
            case .expand:
                inputs.update([uses.map(\.0)], geometries: uses.map(\.1), statistics)
                outputs.update(statistics.gradients, geometries: uses.map(\.1), statistics)
                return Double(locations) / weight
            case .reduce:
                let sums = uses.map { input, geometry in
                    isTransposed
                        ? Patches.summedPixels(of: input, groups: geometry.groups)
                        : Patches.summed(of: input, geometry: geometry)
                }
                let mean = sum(sums) * (weight / Double(locations))
                inputs.update(rows: [[Rows(columns: mean, hasBias: hasBias)]], statistics)
                let rows: [[Rows]] = statistics.gradients.map { source in
                    let sums = zip(source, uses).map { gradient, use in
                        isTransposed
                            ? Patches.summed(of: gradient, geometry: use.1.forward)
                            : Patches.summedPixels(of: gradient, groups: geometry.groups)
                    }
                    return [Rows(columns: sum(sums))]
                }
                outputs.update(rows: rows, statistics)
                return 1
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
            let weight = Double(statistics.batchSize)
            inputs.update(inputs: statistics.uses.map(\.input), decay: statistics.decay, weight: weight)
            let geometries = statistics.uses.map { $0.operation.geometry ?? geometry }
            outputs.update(statistics.gradients, geometries: geometries, statistics)
            return Double(statistics.uses.map(\.locationCount).reduce(0, +)) / weight
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
            let indices = statistics.uses.map(\.input)
            inputs.update(
                indices: indices, decay: statistics.decay, weight: Double(statistics.batchSize))
            outputs.update(uses: statistics.gradients, statistics)
            return Double(indices.map(\.count).reduce(0, +)) / Double(statistics.batchSize)
        }
    }
}

/// The sum over positions and uses of tensors [batch, ..., features]: [batch, features].
private func summedPositions(_ uses: [Tensor], batch: Int) -> Tensor {
    sum(uses.map { $0.reshaped([batch, -1, $0.shape[$0.rank - 1]]).sum(1) })
}

/// The sum of tensors of one shape.
private func sum(_ tensors: [Tensor]) -> Tensor { tensors.dropFirst().reduce(tensors[0], +) }

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
