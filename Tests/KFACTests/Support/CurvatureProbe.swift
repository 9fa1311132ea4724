import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The blocks of a model after one batch, formed as the optimiser forms them.
struct CurvatureProbe {
    let loss: Loss
    private let blocks: [any CurvatureBlock]

    init(
        _ parameters: [NamedParameter], estimation: Estimation = .exact, choices: LayerChoices = LayerChoices(),
        settings: FactorSettings = FactorSettings(), seed: UInt64 = 1,
        _ makeLoss: () throws -> Loss
    ) throws {
        let (loss, uses) = try recordingLayerUses(makeLoss)
        self.loss = loss
        var generator = RandomGenerator(seed: seed)
        var layers = LayerCollection(parameters: parameters, choices: choices, settings: settings)
        let batch = try layers.statistics(
            of: loss, uses: uses, estimation: estimation, decay: 0.95, using: &generator)
        for (block, statistics) in batch { block.updateStatistics(statistics) }
        blocks = layers.blocks
        memory = layers.memory
    }

    /// What the blocks were said to take of memory.
    let memory: MemoryEstimate?

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
