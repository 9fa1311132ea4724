public import Torch

/// The exact diagonal of a convolution's Fisher matrix: E[(Σₜ sₜ pₜᵀ)²] over examples, t its locations, p its patches.
///
/// Entries are in the order of the parameters: those of the weight in its own memory, then those of the bias. Covers
/// any number of spatial axes, groups (depthwise convolutions among them) and transposed convolutions, whose gradient
/// is that of the adjoint convolution with input and output exchanged. The original's factor of the same name, which
/// had two axes and one group; `ConvDiagonalFactor`, and in the successor also `DepthwiseConvDiagonalFB`'s.
public final class ConvDiagonalFactor: DiagonalFactor {
    /// The number of input channels.
    public let inputs: Int
    /// The number of output channels.
    public let outputs: Int
    /// How the kernel moves.
    public let geometry: ConvolutionGeometry
    /// Whether the layer has a bias.
    public let hasBias: Bool

    /// Creates a factor without statistics.
    ///
    /// - Parameters:
    ///   - inputs: The number of input channels, of all groups.
    ///   - outputs: The number of output channels, of all groups.
    public init(
        inputs: Int, outputs: Int, geometry: ConvolutionGeometry, hasBias: Bool,
        settings: FactorSettings = FactorSettings(), dtype: DType = .float32, device: Device = .cpu
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.geometry = geometry
        self.hasBias = hasBias
        let weights = geometry.kernel.reduce(inputs / geometry.groups * outputs, *)
        super.init(dimension: weights + (hasBias ? outputs : 0), settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: [batch, inputs, spatial...] of each use of the weight.
    ///   - outputGradients: For each source, [batch, outputs, spatial...] of each use. The sources' squares, each a
    ///     mean over examples, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let uses = inputs.map { (input: $0, geometry: geometry) }
        update(uses: uses, outputGradients: outputGradients, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }

    /// Moves the average by a batch in which the kernel moved in several ways.
    func update(
        uses: [(input: Tensor, geometry: ConvolutionGeometry)], outputGradients: [[Tensor]], decay: Double,
        weight: Double
    ) {
        let geometries = uses.map(\.geometry)
        checkChannels(uses.map(\.input), inputs)
        let inputSide = geometry.isTransposed ? pixels(uses.map(\.input)) : patches(uses.map(\.input), geometries)
        let squares = outputGradients.map { gradients in
            checkChannels(gradients, outputs)
            let outputSide = geometry.isTransposed ? patches(gradients, geometries) : pixels(gradients)
            let perExample =
                geometry.isTransposed
                ? PerExampleGradients(left: inputSide, right: outputSide)
                : PerExampleGradients(left: outputSide, right: inputSide)
            let weightPart = perExample.meanSquare().flattened()
            guard hasBias else { return weightPart }
            let biasGradient = gradients.map { $0.flattened(from: 2).sum(2) }
            let biasPart = biasGradient.dropFirst().reduce(biasGradient[0], +).squared().mean(0)
            return Tensor.concatenate([weightPart, biasPart])
        }
        update(sources: squares, decay: decay, weight: weight)
    }

    /// [batch, groups, channels / groups · kernel, locations of all uses].
    private func patches(_ uses: [Tensor], _ geometries: [ConvolutionGeometry]) -> Tensor {
        joined(zip(uses, geometries).map { Patches.perExample(of: $0, geometry: $1.forward) })
    }

    /// [batch, groups, channels / groups, locations of all uses].
    private func pixels(_ uses: [Tensor]) -> Tensor {
        joined(uses.map { $0.reshaped([$0.shape[0], geometry.groups, $0.shape[1] / geometry.groups, -1]) })
    }

    private func joined(_ uses: [Tensor]) -> Tensor { uses.count == 1 ? uses[0] : Tensor.concatenate(uses, axis: 3) }

    private func checkChannels(_ uses: [Tensor], _ channels: Int) {
        for use in uses where use.rank != geometry.spatialRank + 2 || use.shape[1] != channels {
            fatalError(
                "ConvDiagonalFactor.update: a tensor of shape \(use.shape) for \(channels) channels, \(geometry)")
        }
    }
}
