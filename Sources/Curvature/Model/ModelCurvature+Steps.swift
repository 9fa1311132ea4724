package import Torch

/// An update in its parts, for an optimiser that does other things in between.
extension ModelCurvature {
    /// What a batch tells of the curvature, before it enters the running averages.
    package struct BatchStatistics {
        /// Those of each block that the batch has something to tell of.
        package var blocks: [(block: any CurvatureBlock, statistics: BlockStatistics)]
        /// The layers, with those that the batch has shown for the first time.
        package let layers: LayerCollection
    }

    /// The statistics of a batch; only the generator moves on.
    ///
    /// - Parameters:
    ///   - loss: That of the batch, with its graph.
    ///   - uses: What was recorded while it was computed.
    ///   - decay: That of the running averages; by default the configuration's.
    ///   - products: Products with the curvature that share the first pass back, if any.
    package func statistics(
        of loss: Loss, uses: [LayerUse], decay: Double? = nil, sharedWith products: CurvatureProducts? = nil
    ) throws -> BatchStatistics {
        var layers = layers
        let blocks = try layers.statistics(
            of: loss, uses: uses, estimation: configuration.estimation, matrix: configuration.matrix,
            decay: decay ?? configuration.statisticsDecay, sharedWith: products, using: &generator)
        return BatchStatistics(blocks: blocks, layers: layers)
    }

    /// Moves the running averages by a batch.
    ///
    /// - Throws: ``/Torch/MemoryFault``, and what ``synchronize`` throws; some averages have then been moved.
    package func updateAverages(with statistics: BatchStatistics) throws {
        layers = statistics.layers
        for (block, batch) in statistics.blocks {
            try MemoryFault.check()
            block.updateStatistics(batch)
        }
        updateCount.countOn()
        try synchronize?(statistics.blocks.map(\.block))
    }

    /// What puts back all that an update replaces; the averages, which it moves in place, stay as they are.
    package func replacePoint() -> () -> Void {
        let (layers, generator, updateCount) = (layers, generator, updateCount)
        return { [self] in (self.layers, self.generator, self.updateCount) = (layers, generator, updateCount) }
    }
}
