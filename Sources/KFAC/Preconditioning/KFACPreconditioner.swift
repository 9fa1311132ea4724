public import Curvature
public import Optimization
public import Torch

/// The inverse Kronecker-factored curvature as a part of another method: gradients in, preconditioned gradients out.
///
/// ``KFACOptimizer`` estimates curvature and takes the steps. Here, something else takes them: a first-order rule, or a
/// loop of one's own.
///
/// ```swift
/// let curvature = KFACPreconditioner(model.namedParameters)
/// let adam = Adam(curvature.parameters)
/// for (images, labels) in batches {
///     let update = try curvature.update { Loss(Categorical(logits: model(images)), targets: labels) }
///     guard let gradients = update.gradients else { continue }
///     try adam.step(gradients: curvature.precondition(gradients), loss: update.report.loss)
/// }
/// ```
///
/// With ``/FirstOrder/SGD`` these are the steps of ``KFACOptimizer`` with ``StepRule/fixed(learningRate:momentum:)``
/// and without clipping.
public final class KFACPreconditioner {
    /// The results of one update.
    public struct Update: Sendable {
        /// The loss, the state of the inverses, what guards did, and the times.
        public let report: StepReport
        /// The gradients of the mean loss, in the order of ``KFACPreconditioner/parameters``: nil for those that the
        /// loss does not depend on or that are frozen; nil for all where a guard rejected the batch, which
        /// ``/Optimization/StepReport/guards`` explains.
        public let gradients: [Tensor?]?
    }

    /// The parameters of the gradients: the given ones that require a gradient and are not excluded, in the given
    /// order.
    public let parameters: [NamedParameter]

    /// Estimates and inverts; moves no parameter.
    private let optimizer: KFACOptimizer

    /// Creates a preconditioner of those of the given parameters that require a gradient and are not excluded.
    ///
    /// - Parameters:
    ///   - parameters: Each tensor once.
    ///   - configuration: What can be chosen.
    ///   - generator: Draws the targets that the curvature is estimated with; on the parameters' device.
    public init(
        _ parameters: [NamedParameter], configuration: Configuration = Configuration(),
        generator: RandomGenerator = RandomGenerator(seed: 0)
    ) {
        optimizer = KFACOptimizer(parameters, configuration: configuration.ofOptimizer, generator: generator)
        self.parameters = parameters.filter {
            $0.tensor.requiresGradient && !configuration.layers.isExcluded($0.name)
        }
    }

    /// The curvature that is estimated: see ``KFACOptimizer/curvature``.
    public var curvature: ModelCurvature { optimizer.curvature }

    /// The number of updates done.
    public var updateCount: Int { optimizer.stepCount }

    /// Runs the model on a batch, moves the statistics, and computes the inverses that are due.
    ///
    /// Costs a step of ``KFACOptimizer`` without the preconditioning.
    ///
    /// - Parameter loss: Runs the model on the batch, with gradients recorded; called once.
    /// - Throws: What `loss` throws, and ``/Optimization/OptimizerError``; nothing has changed where the data are to
    ///   blame.
    @discardableResult
    public func update(_ loss: () throws -> Loss) throws -> Update {
        let (report, gradients) = try optimizer.updateCurvature(loss)
        return Update(
            report: report,
            gradients: gradients.map { found in
                parameters.map { found[$0.tensor.id] }
            })
    }

    /// The damped inverse curvature times gradients, or other vectors in the shapes of the parameters.
    ///
    /// Those of parameters without a block (see ``/Curvature/LayerChoices/firstOrder``), and all before the first
    /// inverses, are given back as they are. A layer that the last batch did not use has the inverse that it had.
    ///
    /// - Parameter gradients: In the order of ``parameters``; read only.
    public func precondition(_ gradients: [Tensor]) -> [Tensor] {
        precondition(gradients.map(Optional.some)).map { $0! }
    }

    /// The damped inverse curvature times the gradients of an update, nil for those that there are not; they count as
    /// zero in a layer that has others.
    ///
    /// - Parameter gradients: In the order of ``parameters``, as ``Update/gradients``; read only.
    public func precondition(_ gradients: [Tensor?]) -> [Tensor?] {
        guard gradients.fit(parameters.map(\.tensor.shape)) else {
            fatalError(
                "KFACPreconditioner.precondition: gradients of shapes \(gradients.shapes) for parameters of shapes "
                    + "\(parameters.map(\.tensor.shape))")
        }
        parameters.requireTypes(of: gradients, by: "KFACPreconditioner.precondition")
        let numbers = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().map { ($0.element.tensor.id, $0.offset) })
        let blocks = optimizer.curvature.blocks
        let positions = blocks.map { block in
            let own = block.parameters.compactMap { numbers[$0.tensor.id] }
            return own.count == block.parameters.count && own.contains { gradients[$0] != nil } ? own : nil
        }
        let results = withoutGradientsInFullPrecision {
            optimizer.preconditioner.apply(
                blocks, positions: positions,
                to: zip(gradients, parameters).map { $0?.detached() ?? Tensor.zeros(like: $1.tensor.detached()) })
        }
        return zip(gradients, results).map { $0 == nil ? nil : $1 }
    }

    /// Copies everything that later updates depend on, but for the parameters and the configuration.
    public func state() -> Snapshot { optimizer.state(as: "KFACPreconditioner.state") }

    /// Takes over the state of another preconditioner of the same parameters and configuration.
    ///
    /// - Throws: ``/Torch/SnapshotError`` where the state does not fit; this preconditioner is then as before.
    public func load(_ state: Snapshot) throws(SnapshotError) {
        try optimizer.load(state, as: "KFACPreconditioner.load")
    }
}
