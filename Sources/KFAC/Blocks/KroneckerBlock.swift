import Torch

/// A dense or convolution layer's curvature F ≈ c · A ⊗ G, on parameters taken as a matrix [outputs, inputs (+ 1)].
///
/// A is the second moment of the inputs (or patches), with the bias's 1 as the last coordinate, G that of the output
/// gradients, both means over examples and locations; c is the number of locations, over all uses of the weight.
/// (Martens & Grosse 2015; convolutions: Grosse & Martens 2016, KFC; several uses: Martens, Ba & Johnson 2018, section
/// 3.1, the independent approximation.)
final class KroneckerBlock: CurvatureBlock {
    let name: String
    let parameters: [NamedParameter]

    private let kind: Kind
    private let outputFactor: InverseProvidingFactor
    private let hasBias: Bool
    /// c: the mean number of locations of an example.
    private var locationCount = 1.0
    private var inverses: (input: Tensor, output: Tensor)?

    /// What the layer does, with the factor of what goes in.
    private enum Kind {
        case dense(FullyConnectedKroneckerFactor, outputs: FullyConnectedKroneckerFactor)
        case convolution(ConvInputKroneckerFactor, outputs: ConvOutputKroneckerFactor)
    }

    /// Creates a block for a layer's use, or nil where no Kronecker factors are known for the operation.
    ///
    /// - Parameter bias: The bias, where there is one and it is optimised.
    init?(weight: NamedParameter, bias: NamedParameter?, operation: LayerUse.Operation, settings: FactorSettings) {
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

    func updateStatistics(_ statistics: BlockStatistics) {
        let weight = Double(statistics.batchSize)
        let locations: [Int]
        switch kind {
        case .dense(let inputs, let outputs):
            inputs.update(uses: [statistics.uses.map(\.input)], decay: statistics.decay, weight: weight)
            outputs.update(uses: statistics.gradients, decay: statistics.decay, weight: weight)
            locations = statistics.uses.map { $0.input.shape.dropLast().reduce(1, *) }
        case .convolution(let inputs, let outputs):
            inputs.update(inputs: statistics.uses.map(\.input), decay: statistics.decay, weight: weight)
            outputs.update(uses: statistics.gradients, decay: statistics.decay, weight: weight)
            // Examples and spatial positions: all axes but the channels.
            locations = statistics.uses.map { $0.preActivation.count / $0.preActivation.shape[1] }
        }
        locationCount = Double(locations.reduce(0, +)) / weight
    }

    func updateInverse(damping: Double) throws(FactorError) {
        let split = FactoredDamping(
            damping: damping / locationCount, inputMeanDiagonal: inputFactor.meanDiagonal,
            outputMeanDiagonal: outputFactor.meanDiagonal)
        let input = try inputFactor.inverse(damping: split.input)
        let output = try outputFactor.inverse(damping: split.output)
        // The 1/c goes where it costs least.
        output.multiply(inPlace: 1 / locationCount)
        inverses = (input, output)
    }

    /// The undamped matrix c · G ⊗ A on [weight | bias] in row-major order; for tests, as it has (m n)² entries.
    func denseMatrix() -> Tensor {
        let (a, g) = (inputFactor.covariance, outputFactor.covariance)
        let size = a.shape[0] * g.shape[0]
        return Tensor.einsum("ij,kl->ikjl", g, a).reshaped([size, size]) * locationCount
    }

    func preconditioned(_ gradients: [Tensor]) -> [Tensor] {
        guard let inverses else { return gradients.map { Tensor.zeros(like: $0) } }
        let weightShape = gradients[0].shape
        var matrix = gradients[0].flattened(from: 1)
        if hasBias { matrix = Tensor.concatenate([matrix, gradients[1].expanded(at: 1)], axis: 1) }
        let result = inverses.output.matmul(matrix).matmul(inverses.input)
        guard hasBias else { return [result.reshaped(weightShape)] }
        let inputs = matrix.shape[1] - 1
        return [result[.all, 0..<inputs].reshaped(weightShape), result[.all, inputs]]
    }
}
