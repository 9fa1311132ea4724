public import Torch

/// A dense or convolution layer's curvature F ≈ c · A ⊗ G, on parameters taken as a matrix [outputs, inputs (+ 1)].
///
/// A is the second moment of the inputs (or patches), with the bias's 1 as the last coordinate, G that of the output
/// gradients, both means over examples and locations; c is the number of locations, over all uses of the weight.
/// (Martens & Grosse 2015; convolutions: Grosse & Martens 2016, KFC; several uses: Martens, Ba & Johnson 2018, section
/// 3.1, the independent approximation.)
public final class KroneckerBlock: CurvatureBlock {
    public let name: String
    public let parameters: [NamedParameter]

    private let kind: Kind
    private let outputFactor: InverseProvidingFactor
    private let hasBias: Bool
    /// c: the mean number of locations of an example.
    private var locationCount = 1.0

    /// What the layer does, with the factor of what goes in.
    private enum Kind {
        case dense(FullyConnectedKroneckerFactor, outputs: FullyConnectedKroneckerFactor)
        case convolution(ConvInputKroneckerFactor, outputs: ConvOutputKroneckerFactor)
    }

    /// Creates a block for a layer's use, or nil where no Kronecker factors are known for the operation.
    ///
    /// - Parameter bias: The bias, where there is one and it is optimised.
    public init?(weight: NamedParameter, bias: NamedParameter?, operation: LayerUse.Operation, settings: FactorSettings)
    {
        let shape = weight.tensor.shape
        let (dtype, device) = (weight.tensor.dtype, weight.tensor.device)
        hasBias = bias != nil
        switch operation {
        case .linear:
            let outputs = FullyConnectedKroneckerFactor(
                features: shape[0], settings: settings, dtype: dtype, device: device)
            kind = .dense(
                FullyConnectedKroneckerFactor(
                    features: shape[1], hasBias: hasBias, settings: settings, dtype: dtype, device: device),
                outputs: outputs)
            outputFactor = outputs
        case .convolution(let geometry) where geometry.groups == 1 && !geometry.isTransposed:
            let outputs = ConvOutputKroneckerFactor(
                channels: shape[0], settings: settings, dtype: dtype, device: device)
            kind = .convolution(
                ConvInputKroneckerFactor(
                    channels: shape[1], geometry: geometry, hasBias: hasBias, settings: settings, dtype: dtype,
                    device: device),
                outputs: outputs)
            outputFactor = outputs
        default:
            return nil
        }
        parameters = [weight] + (bias.map { [$0] } ?? [])
        name = weight.name.hasSuffix(".weight") ? String(weight.name.dropLast(7)) : weight.name
    }

    private var inputFactor: InverseProvidingFactor {
        switch kind {
        case .dense(let factor, _): factor
        case .convolution(let factor, _): factor
        }
    }

    public func updateStatistics(_ statistics: BlockStatistics) {
        let weight = Double(statistics.batchSize)
        let locations: [Int]
        switch kind {
        case .dense(let inputs, let outputs):
            inputs.update(uses: [statistics.uses.map(\.input)], decay: statistics.decay, weight: weight)
            outputs.update(uses: statistics.gradients, decay: statistics.decay, weight: weight)
            locations = statistics.uses.map { $0.input.shape.dropLast().reduce(1, *) }
        case .convolution(let inputs, let outputs):
            // The same kernel may be used with different strides and dilations.
            let uses = statistics.uses.map { use in
                guard case .convolution(let geometry) = use.operation else { return (use.input, inputs.geometry) }
                return (use.input, geometry)
            }
            inputs.update(uses: uses, decay: statistics.decay, weight: weight)
            outputs.update(uses: statistics.gradients, decay: statistics.decay, weight: weight)
            // Examples and spatial positions: all axes but the channels.
            locations = statistics.uses.map { $0.preActivation.count / $0.preActivation.shape[1] }
        }
        locationCount = Double(locations.reduce(0, +)) / weight
    }

    public func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = FactoredDamping(
            damping: damping / locationCount, inputMeanDiagonal: inputFactor.meanDiagonal,
            outputMeanDiagonal: outputFactor.meanDiagonal)
        let output = try DenseOperator(outputFactor.covariance).damped(by: split.output)
        let input = try DenseOperator(inputFactor.covariance).damped(by: split.input)
        return KroneckerOperator(output, input).scaled(by: locationCount)
    }

    public func vector(from tensors: [Tensor]) -> Tensor {
        let weight = tensors[0].flattened(from: 1)
        guard hasBias else { return weight.reshaped([-1, 1]) }
        return Tensor.concatenate([weight, tensors[1].expanded(at: 1)], axis: 1).reshaped([-1, 1])
    }

    public func tensors(from vector: Tensor) -> [Tensor] {
        let shape = parameters[0].tensor.shape
        guard hasBias else { return [vector.reshaped(shape)] }
        let matrix = vector.reshaped([shape[0], -1])
        let inputs = matrix.shape[1] - 1
        return [matrix[.all, 0..<inputs].reshaped(shape), matrix[.all, inputs]]
    }
}
