import Testing
import Torch

@testable import KFAC

/// The blocks of a model after one batch, formed as the optimiser forms them.
struct CurvatureProbe {
    let loss: Loss
    private let blocks: [any CurvatureBlock]

    init(
        _ parameters: [NamedParameter], estimation: Estimation = .exact, seed: UInt64 = 1,
        _ makeLoss: () throws -> Loss
    ) throws {
        let (loss, uses) = try recordingLayerUses(makeLoss)
        self.loss = loss
        var generator = RandomGenerator(seed: seed)
        let sources = estimation.gradients(
            of: loss, withRespectTo: uses.map(\.preActivation), using: &generator)
        let layers = LayerCollection(parameters: parameters, settings: FactorSettings())
        for (block, indices) in try layers.grouped(uses) {
            let gradients = try sources.map { source in try indices.map { try #require(source[$0]) } }
            block.updateStatistics(
                BlockStatistics(
                    uses: indices.map { uses[$0] }, gradients: gradients, batchSize: loss.batchSize, decay: 0.95))
        }
        blocks = layers.blocks
    }

    /// The number of blocks.
    var count: Int { blocks.count }

    /// The block of the weight with the given number among those that have blocks.
    subscript(index: Int) -> any CurvatureBlock { blocks[index] }
}

extension CurvatureBlock {
    /// The undamped curvature, entry by entry.
    func denseMatrix() throws -> Tensor { try curvature(damping: 0).dense() }

    /// The damped inverse of the current statistics times tensors in the shapes of the parameters.
    func preconditioned(_ tensors: [Tensor], damping: Double) throws -> [Tensor] {
        try apply(inverseCurvature(damping: damping), to: tensors)
    }
}
