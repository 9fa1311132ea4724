public import Torch

extension KFACOptimizer {
    public func state() -> Snapshot {
        // Nothing has moved on since it was loaded.
        if let unreadState { return unreadState }
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.set("generator", generator.state)
        snapshot.set("guards", watch.state)
        snapshot.set("isSettled", isSettled ? 1 : 0)
        snapshot.set("hasVelocity", hasVelocity ? 1 : 0)
        snapshot.set("velocity", velocities, of: parameters)
        if let adaptedDamping { snapshot.set("adaptedDamping", adaptedDamping) }
        if let searchedDamping { snapshot.set("searchedDamping", searchedDamping) }
        if let firstOrder { snapshot.under("firstOrder") { firstOrder.rule.save(to: &$0) } }
        for block in layers.blocks { snapshot.under("layers.\(block.name)") { block.save(to: &$0) } }
        snapshot.under("inverses") { preconditioner.save(to: &$0, blocks: layers.blocks) }
        return snapshot
    }

    /// Takes over the state of another optimiser; its parameters are to be loaded, too.
    ///
    /// What belongs to layers is read by the next step, which shows what layers there are, and throws the error where
    /// they are others.
    ///
    /// - Throws: ``Torch/SnapshotError`` where the state is that of another method, of other parameters or of another
    ///   configuration; this optimiser is then as before.
    public func load(_ state: Snapshot) throws(SnapshotError) {
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        reader.generator("generator", like: generator) { self.generator = $0 }
        reader.integer("hasVelocity") { self.hasVelocity = $0 != 0 }
        reader.guardState("guards") { self.watch.state = $0 }
        // Once it is known which parameters have a block, the others have no velocity.
        let isSettled = reader.integer("isSettled") == 1
        let own = layers.parameters.filter { !isSettled || reader.under("velocity").contains($0.name) }
        let velocities = own.map { Tensor.zeros(like: $0.tensor.detached()) }
        reader.tensors("velocity", into: velocities, of: own)

        let settled = Set(own.map(\.tensor.id))
        let others = layers.parameters.filter { !settled.contains($0.tensor.id) } + namedFirstOrder
        let rule = isSettled && !others.isEmpty ? configuration.firstOrderRule.rule(for: others) : nil
        rule?.restore(from: reader.under("firstOrder"))

        let adapted = reader.contains("adaptedDamping") ? reader.number("adaptedDamping") : nil
        let searched = reader.contains("searchedDamping") ? reader.number("searchedDamping") : nil
        for name in ["layers", "inverses"] { reader.skip(name) }
        try reader.finish()

        (parameters, self.velocities, self.isSettled) = (own, velocities, isSettled)
        firstOrder = rule.map { (others, $0) }
        (adaptedDamping, searchedDamping) = (adapted, searched)
        (layers, preconditioner) = (layers.unplanned(), Preconditioner())
        unreadState = state.part("layers").tensors.isEmpty ? nil : state
    }

    /// Reads what belongs to layers, once it is known which there are.
    func readState(of layers: LayerCollection) throws(SnapshotError) {
        guard let state = unreadState else { return }
        let reader = SnapshotReader(state, of: "the model's layers")
        for name in reader.names where name != "layers" && name != "inverses" { reader.skip(name) }
        for block in layers.blocks { block.restore(from: reader.under("layers.\(block.name)")) }
        preconditioner.restore(from: reader.under("inverses"), blocks: layers.blocks) { self.preconditioner = $0 }
        try reader.finish()
        unreadState = nil
    }
}
