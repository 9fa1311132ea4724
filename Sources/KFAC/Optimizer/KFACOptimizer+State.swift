import Curvature
import FirstOrder
import Optimization
public import Torch

extension KFACOptimizer {
    public func state() -> Snapshot { state(as: "KFACOptimizer.state") }

    /// - Parameter operation: What misuse is told of.
    func state(as operation: String) -> Snapshot {
        gate.run(operation, recordsGradients: false) { currentState() }
    }

    private func currentState() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.set("guards", watch.state)
        snapshot.set("hasVelocity", hasVelocity ? 1 : 0)
        let own = parametersWithBlocks(of: curvature.layers)
        snapshot.set(
            "velocity",
            own.map { velocityByParameter[$0.tensor.id] ?? Tensor.zeros(like: $0.tensor.detached()) }, of: own)
        snapshot.under("moments") { snapshot in
            for parameter in own {
                guard let moments = momentsByParameter[parameter.tensor.id] else { continue }
                snapshot.under(parameter.name) { moments.save(to: &$0) }
            }
        }
        if let adaptedDamping { snapshot.set("adaptedDamping", adaptedDamping) }
        if let searchedDamping { snapshot.set("searchedDamping", searchedDamping) }
        if let firstOrder { snapshot.under("firstOrder") { firstOrder.rule.save(to: &$0) } }
        curvature.save(to: &snapshot)
        snapshot.under("inverses") { preconditioner.save(to: &$0, blocks: curvature.blocks) }
        return snapshot
    }

    /// Takes over the state of another optimiser; its parameters are to be loaded, too.
    ///
    /// The settings need not be those that it was saved with, but for those that may not be changed either: what a rule
    /// or a schedule needs and the state does not have is computed at the next step.
    ///
    /// - Throws: ``/Torch/SnapshotError`` where the state is that of another method, of other parameters or layers, or
    ///   holds numbers that are not finite; this optimiser is then as before.
    public func load(_ state: Snapshot) throws(SnapshotError) { try load(state, as: "KFACOptimizer.load") }

    /// - Parameter operation: What misuse is told of.
    func load(_ state: Snapshot, as operation: String) throws(SnapshotError) {
        try gate.run(operation, recordsGradients: false) { () throws(SnapshotError) in try load(from: state) }
    }

    private func load(from state: Snapshot) throws(SnapshotError) {
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        reader.integer("hasVelocity") { self.hasVelocity = $0 != 0 }
        reader.guardState("guards") { self.watch.state = $0 }
        for part in ["velocity", "moments", "inverses"] { reader.under(part).requireFinite() }
        let layers = curvature.restore(from: reader)
        let preconditioner = Preconditioner(from: reader.under("inverses"), blocks: layers.blocks)
        let firstOrder = newFirstOrder()
        firstOrder?.rule.restore(from: reader.under("firstOrder"))
        let own = parametersWithBlocks(of: layers)
        let velocities = own.map { Tensor.zeros(like: $0.tensor.detached()) }
        reader.tensors("velocity", into: velocities, of: own)
        var moments: [Tensor.ID: GradientMoments] = [:]
        for parameter in own {
            let reader = reader.under("moments").under(parameter.name)
            guard reader.contains("mean") else { continue }
            moments[parameter.tensor.id] = GradientMoments(
                from: reader, like: Tensor.zeros(like: parameter.tensor.detached()))
        }
        let adapted = reader.contains("adaptedDamping") ? reader.number("adaptedDamping") : nil
        let searched = reader.contains("searchedDamping") ? reader.number("searchedDamping") : nil
        try reader.finish()

        parameters = own.filter(\.tensor.requiresGradient)
        velocityByParameter = Dictionary(uniqueKeysWithValues: zip(own.map(\.tensor.id), velocities))
        momentsByParameter = moments
        self.firstOrder = firstOrder
        roles = ParameterRoles()
        (adaptedDamping, searchedDamping) = (adapted, searched)
        self.preconditioner = preconditioner
    }

    /// The parameters that the natural gradient can move.
    private func parametersWithBlocks(of layers: LayerCollection) -> [NamedParameter] {
        layers.parameters.filter { !layers.withoutBlock.contains($0.tensor.id) }
    }
}
