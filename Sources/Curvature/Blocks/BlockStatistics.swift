public import Torch

/// The statistics of one layer in one batch: its uses, with their gradients.
public struct BlockStatistics: Sendable {
    /// Each use of the layer's weight.
    public let uses: [LayerUse]
    /// For each source, the gradient of the sum of the losses with respect to each use's pre-activation.
    public let gradients: [[Tensor]]
    /// For each source, the gradient of the sum of the losses with respect to each of the block's parameters; empty
    /// unless the block asks for them.
    public let parameterGradients: [[Tensor]]
    /// The number of examples.
    public let batchSize: Int
    /// The divisor of the mean loss: the number of examples, or that of positions.
    public let normalizer: Double
    /// False for examples that the loss masks entirely, of type bool, [batch]; nil if there is none.
    public let countedExamples: Tensor?
    /// Whether the loss masks anything.
    public let isMasked: Bool
    /// The decay ρ of the running averages.
    public package(set) var decay: Double

    /// Gathers the statistics of a layer.
    ///
    /// - Parameters:
    ///   - normalizer: What the mean loss divides by; the number of examples by default.
    ///   - countedExamples: The examples that the loss looks at; all by default.
    ///   - isMasked: Whether the loss masks anything, be it less than an example.
    public init(
        uses: [LayerUse], gradients: [[Tensor]], parameterGradients: [[Tensor]] = [], batchSize: Int,
        normalizer: Double? = nil, countedExamples: Tensor? = nil, isMasked: Bool = false, decay: Double
    ) {
        self.uses = uses
        self.gradients = gradients
        self.parameterGradients = parameterGradients
        self.batchSize = batchSize
        self.normalizer = normalizer ?? Double(batchSize)
        self.countedExamples = countedExamples
        self.isMasked = isMasked || countedExamples != nil
        self.decay = decay
    }

    /// The output gradients of a loss that divides by the number of examples: those of blocks that average over these.
    var gradientsOfExampleMean: [[Tensor]] {
        guard normalizer != Double(batchSize) else { return gradients }
        let scale = (Double(batchSize) / normalizer).squareRoot()
        return gradients.map { $0.map { $0 * scale } }
    }
}
