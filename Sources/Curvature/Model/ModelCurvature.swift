public import Torch

/// The Kronecker-factored curvature of a model's loss: one block for each layer, estimated from batches.
///
/// ```swift
/// let curvature = ModelCurvature(of: model.namedParameters)
/// for (images, labels) in batches {
///     try curvature.update { Loss(Categorical(logits: model(images)), targets: labels) }
/// }
/// let inverse = try curvature.inverse(damping: 0.01)
/// let directions = inverse.apply(to: gradients)
/// ```
///
/// Layers are found by what they do, in the first run of the model; nothing is registered, and nothing moves the
/// parameters. ``blocks`` are the layers' parts of the matrix, each with its factors, products, inverse, powers, trace
/// and determinant. All curvature is that of the *mean* loss over the batch.
///
/// A parameter that a batch does not use, or that is frozen, keeps its block. Not for use from several threads at once.
/// (Martens & Grosse 2015; Grosse & Martens 2016.)
public final class ModelCurvature {
    /// The settings.
    public struct Configuration: Sendable, Hashable, Codable {
        /// How the curvature is estimated.
        public var estimation: Estimation
        /// Which matrix is estimated.
        public var matrix: CurvatureMatrix
        /// The decay ρ of the running averages for each update; 1 lets all batches count alike.
        public var statisticsDecay: Double
        /// How the factors average, and how a block's factors share the damping.
        public var factors: FactorSettings
        /// Which approximation each layer gets, and which parameters are left out.
        public var layers: LayerChoices

        /// Creates a configuration.
        public init(
            estimation: Estimation = .sampled(), matrix: CurvatureMatrix = .fisher, statisticsDecay: Double = 1,
            factors: FactorSettings = FactorSettings(), layers: LayerChoices = LayerChoices()
        ) {
            self.estimation = estimation
            self.matrix = matrix
            self.statisticsDecay = statisticsDecay
            self.factors = factors
            self.layers = layers
        }
    }

    /// The settings; may be changed between updates, except for ``Configuration/factors`` and
    /// ``Configuration/layers``.
    ///
    /// Settings out of bounds, and changes of those two, are misuse.
    public var configuration: Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "ModelCurvature")
        }
    }
    /// The number of batches that the running averages have seen.
    public internal(set) var updateCount = 0
    /// Called at the end of each update with the blocks that it moved, before anything is derived from them.
    ///
    /// The place to join the statistics of several processes: the tensors in ``SymmetricOperator/parts`` of a factor's
    /// ``FisherFactor/average`` are views of its memory, and their mean over processes with equally many examples is
    /// the average over all examples.
    public var synchronize: ((_ moved: [any CurvatureBlock]) throws -> Void)?

    /// The blocks, with what each is and why.
    package var layers: LayerCollection
    /// Draws the targets.
    package var generator: RandomGenerator
    let gate = StepGate()

    /// Creates a curvature that has seen no batch.
    ///
    /// - Parameters:
    ///   - parameters: Each tensor once, under a name of its own.
    ///   - configuration: What can be chosen; settings out of bounds are misuse.
    ///   - blockMakers: What makes the blocks of operations of one's own, by their names.
    ///   - generator: Draws the targets of ``Estimation/sampled(draws:)``; on the parameters' device.
    public init(
        of parameters: [NamedParameter], configuration: Configuration = Configuration(),
        blockMakers: [String: BlockMaker] = [:], generator: RandomGenerator = RandomGenerator(seed: 0)
    ) {
        configuration.require(by: "ModelCurvature")
        parameters.requireDistinct(by: "ModelCurvature")
        self.configuration = configuration
        self.generator = generator
        layers = LayerCollection(
            parameters: parameters, choices: configuration.layers, settings: configuration.factors,
            makers: blockMakers)
    }

    /// The blocks, in the order of their first parameters; none before ``plan(_:)`` or the first update.
    public var blocks: [any CurvatureBlock] { layers.blocks }

    /// The parameters that have a block, in the order of ``ModelOperator``'s vectors.
    public var parameters: [NamedParameter] { layers.withBlocks }

    /// The block of the layer that a parameter belongs to; nil if it has none.
    public func block(of parameter: String) -> (any CurvatureBlock)? {
        blocks.first { $0.parameters.contains { $0.name == parameter } }
    }

    /// The memory of the blocks; nil before there are any.
    public var memoryEstimate: MemoryEstimate? { layers.memory }

    /// Finds the layers from one run of the model, so that ``blocks`` and ``memoryEstimate`` are known.
    ///
    /// Costs a forward pass; nothing is estimated.
    ///
    /// - Parameter loss: Runs the model on a batch, with gradients recorded.
    /// - Throws: What `loss` throws, ``CurvatureError``, and ``/Torch/DataFault``.
    public func plan(_ loss: () throws -> Loss) throws {
        try gate.run("ModelCurvature.plan") {
            let (loss, uses) = try recordingLayerUses { try checkingData { try gate.runModel(loss) } }
            try layers.plan(for: uses, of: loss, estimation: configuration.estimation)
        }
    }

    /// Runs the model on a batch and moves the running averages.
    ///
    /// Costs a forward pass, one backward pass to the pre-activations for each draw, and the second moments.
    ///
    /// - Parameter loss: Runs the model on a batch, with gradients recorded; called once.
    /// - Returns: The mean loss of the batch, without its graph.
    /// - Throws: What `loss` throws, ``CurvatureError``, ``/Torch/DataFault``, and what ``synchronize`` throws. Before
    ///   that, nothing has changed; but for ``CurvatureError/memoryRanOut(_:)``, which some averages may have been
    ///   moved before.
    @discardableResult
    public func update(_ loss: () throws -> Loss) throws -> Tensor {
        try gate.run("ModelCurvature.update") { try checkingMemoryOfCurvature { try moveAverages(loss) } }
    }

    private func moveAverages(_ loss: () throws -> Loss) throws -> Tensor {
        let (loss, uses) = try recordingLayerUses { try checkingData { try gate.runModel(loss) } }
        let mean = loss.mean.detached()
        guard mean.scalar.isFinite else { throw CurvatureError.lossNotFinite }
        let generator = generator
        do {
            let statistics = try statistics(of: loss, uses: uses)
            try MemoryFault.check()
            try withoutGradients { try updateAverages(with: statistics) }
        } catch {
            self.generator = generator
            throw error
        }
        return mean
    }

    /// The curvature of the running averages.
    ///
    /// - Parameter damping: λ, in units of the mean loss's curvature, added in each block's way; 0 for the curvature
    ///   itself.
    /// - Throws: ``CurvatureError/noStatistics`` before the first update.
    public func matrix(damping: Double = 0) throws(CurvatureError) -> ModelOperator {
        require(damping, in: "matrix")
        return try operation { block throws(LinearAlgebraError) in try block.curvature(damping: damping) }
    }

    /// The inverse of the damped curvature.
    ///
    /// Costs an inverse of each factor, which the result keeps; later updates do not change it.
    ///
    /// - Parameter damping: λ, in units of the mean loss's curvature, added in each block's way.
    /// - Throws: ``CurvatureError/inversionFailed(layer:_:)``, ``CurvatureError/memoryRanOut(_:)`` and
    ///   ``CurvatureError/noStatistics``.
    public func inverse(damping: Double) throws(CurvatureError) -> ModelOperator {
        require(damping, in: "inverse")
        return try operation { block throws(LinearAlgebraError) in try block.inverseCurvature(damping: damping) }
    }

    private func require(_ damping: Double, in operation: String) {
        if let defect = SettingBounds.damping.defect("the damping", damping) {
            fatalError("ModelCurvature.\(operation): \(defect)")
        }
    }

    private func operation(
        _ make: (any CurvatureBlock) throws(LinearAlgebraError) -> any SymmetricOperator
    ) throws(CurvatureError) -> ModelOperator {
        guard updateCount > 0 else { throw .noStatistics }
        do {
            return try checkingMemoryOfCurvature {
                ModelOperator(
                    parts: try blocks.map { block in
                        do throws(LinearAlgebraError) {
                            let matrix = try withoutGradientsInFullPrecision {
                                () throws(LinearAlgebraError) in try make(block)
                            }
                            return ModelOperator.Part(block: block, matrix: matrix)
                        } catch { throw CurvatureError.inversionFailed(layer: block.name, error) }
                    })
            }
        } catch let error as CurvatureError { throw error } catch {
            // Nothing else is thrown above.
            fatalError("ModelCurvature: \(error)")
        }
    }

    /// Turns operations for which there is no memory into an error.
    private func checkingMemoryOfCurvature<Result>(_ body: () throws -> Result) throws -> Result {
        do { return try checkingMemory(body) } catch let fault as MemoryFault {
            throw CurvatureError.memoryRanOut(fault)
        }
    }
}

extension ModelCurvature.Configuration: CheckedSettings {
    package var defect: String? {
        [
            SettingBounds.statisticsDecay.defect("the decay of statistics", statisticsDecay),
            estimation.defect, factors.defect,
        ].firstDefect
    }
}

extension ModelCurvature.Configuration {
    /// Stops the program where something has changed that is looked at only when a curvature is made.
    fileprivate func requireFixed(since old: ModelCurvature.Configuration) {
        let changed = [("layers", layers == old.layers), ("factors", factors == old.factors)]
            .filter { !$0.1 }.map(\.0)
        requireNoChange(of: changed, in: "ModelCurvature")
    }
}
