public import Torch

/// The exact diagonal of a fully connected layer's Fisher matrix: E[(∂W)²] over examples, ∂W = Σₜ sₜ xₜᵀ of one
/// example.
///
/// Entries are in the order of the parameters: those of the weight [outputs, inputs], then those of the bias. At one
/// position t each this is (s∘s)(x∘x)ᵀ, the original's factor of the same name; with several positions or uses an
/// example's gradient is summed first, which the original does not offer.
public final class FullyConnectedDiagonalFactor: DiagonalFactor {
    /// The number of inputs.
    public let inputs: Int
    /// The number of outputs.
    public let outputs: Int
    /// Whether the layer has a bias.
    public let hasBias: Bool

    /// Creates a factor without statistics.
    public init(
        inputs: Int, outputs: Int, hasBias: Bool, settings: FactorSettings = FactorSettings(),
        dtype: DType = .float32, device: Device = .cpu
    ) {
        self.inputs = inputs
        self.outputs = outputs
        self.hasBias = hasBias
        let dimension = outputs * (inputs + (hasBias ? 1 : 0))
        super.init(dimension: dimension, settings: settings, dtype: dtype, device: device)
    }

    /// Moves the average by a batch.
    ///
    /// - Parameters:
    ///   - inputs: [batch, ..., inputs] of each use of the weight.
    ///   - outputGradients: For each source, [batch, ..., outputs] of each use. The sources' squares, each a mean over
    ///     examples, are *summed*.
    ///   - decay: ρ of the running average.
    ///   - weight: For the count-weighted rule; the number of examples by default.
    public func update(inputs: [Tensor], outputGradients: [[Tensor]], decay: Double, weight: Double? = nil) {
        let squares = outputGradients.map { uses in
            let weightPart = meanSquare(uses, inputs)
            guard hasBias else { return weightPart }
            return Tensor.concatenate([
                weightPart, joined(uses, features: outputs).sum(3).squared().mean(0).flattened(),
            ])
        }
        update(sources: squares, decay: decay, weight: weight ?? Double(inputs[0].shape[0]))
    }

    /// Moves the average by gradients Σₜ lₜ rₜᵀ of a weight [outputs, inputs] without a bias, where l and r are
    /// [batch, ..., outputs] and [batch, ..., inputs] of each use: either may be the input of the layer.
    func update(products: [(left: [Tensor], right: [Tensor])], decay: Double, weight: Double) {
        update(sources: products.map { meanSquare($0.left, $0.right) }, decay: decay, weight: weight)
    }

    private func meanSquare(_ left: [Tensor], _ right: [Tensor]) -> Tensor {
        PerExampleGradients(left: joined(left, features: outputs), right: joined(right, features: inputs)).meanSquare()
            .flattened()
    }

    /// [batch, 1, features, positions of all uses].
    private func joined(_ uses: [Tensor], features: Int) -> Tensor {
        for use in uses where use.rank < 2 || use.shape.last != features {
            fatalError("FullyConnectedDiagonalFactor.update: a tensor of shape \(use.shape) for \(features) features")
        }
        let positions = uses.map { $0.reshaped([$0.shape[0], 1, -1, features]).transposed() }
        return positions.count == 1 ? positions[0] : Tensor.concatenate(positions, axis: 3)
    }
}
