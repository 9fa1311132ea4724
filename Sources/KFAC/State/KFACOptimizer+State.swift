public import Torch

extension KFACOptimizer {
    public func state() -> Snapshot {
        // Nothing has moved on since it was loaded.
        if let unreadState, !layers.isPlanned { return unreadState }
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.set("generator", generator.state)
        snapshot.set("guards", watch.state)
        snapshot.set("hasVelocity", hasVelocity ? 1 : 0)
        let others = layers.parameters.filter { layers.withoutBlock.contains($0.tensor.id) }
        let own = withoutFirstOrder(others)
        snapshot.set(
            "velocity",
            own.map { velocityByParameter[$0.tensor.id] ?? Tensor.zeros(like: $0.tensor.detached()) }, of: own)
        if let adaptedDamping { snapshot.set("adaptedDamping", adaptedDamping) }
        if let searchedDamping { snapshot.set("searchedDamping", searchedDamping) }
        snapshot.set("withoutBlock", namesOf: others)
        if let firstOrder { snapshot.under("firstOrder") { firstOrder.rule.save(to: &$0) } }
        for block in layers.blocks { snapshot.under("layers.\(block.name)") { block.save(to: &$0) } }
        snapshot.under("inverses") { preconditioner.save(to: &$0, blocks: layers.blocks) }
        // Layers that were loaded and have not been used since.
        for name in unusedLayers {
            snapshot.set("layers.\(name)", unreadState!.part("layers.\(name)"))
            let inverse = unreadState!.part("inverses.stored.\(name)").tensors.filter { $0.key != "isIdle" }
            guard !inverse.isEmpty else { continue }
            snapshot.set("inverses.stored.\(name)", Snapshot(tensors: inverse))
            snapshot.set("inverses.stored.\(name).isIdle", 1)
        }
        snapshot.set("inactiveNames", layers.inactiveNames.joined(separator: "\n"))
        snapshot.set("layerNames", (layers.blocks.map(\.name) + unusedLayers).joined(separator: "\n"))
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
        gate.requireNoStep("KFACOptimizer.load")
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        reader.generator("generator", like: generator) { self.generator = $0 }
        reader.integer("hasVelocity") { self.hasVelocity = $0 != 0 }
        reader.guardState("guards") { self.watch.state = $0 }
        let others = reader.parameters("withoutBlock", among: layers.parameters)
        let firstOrder = newFirstOrder()
        firstOrder?.rule.restore(from: reader.under("firstOrder"))
        let own = withoutFirstOrder(others)
        let velocities = own.map { Tensor.zeros(like: $0.tensor.detached()) }
        reader.tensors("velocity", into: velocities, of: own)

        let adapted = reader.contains("adaptedDamping") ? reader.number("adaptedDamping") : nil
        let searched = reader.contains("searchedDamping") ? reader.number("searchedDamping") : nil
        for name in ["layers", "inverses", "layerNames", "inactiveNames"] { reader.skip(name) }
        try reader.finish()

        parameters = own.filter(\.tensor.requiresGradient)
        velocityByParameter = Dictionary(uniqueKeysWithValues: zip(own.map(\.tensor.id), velocities))
        self.firstOrder = firstOrder
        roles = ParameterRoles()
        (adaptedDamping, searchedDamping) = (adapted, searched)
        (layers, preconditioner) = (layers.unplanned(withoutBlock: others), Preconditioner())
        unreadState = state.part("layers").tensors.isEmpty ? nil : state
        unusedLayers = []
    }

    /// The parameters that the natural gradient can move, without some that the first-order rule does.
    private func withoutFirstOrder(_ others: [NamedParameter]) -> [NamedParameter] {
        let ids = Set(others.map(\.tensor.id))
        return layers.parameters.filter { !ids.contains($0.tensor.id) }
    }

    /// Where the state of a layer is stored, by its name.
    private static var places: [String] {
        ["layers", "inverses.stored", "inverses.pending.dampings", "inverses.pending.results"]
    }

    /// The layers in the state that was loaded.
    var storedLayers: [String] {
        guard let state = unreadState else { return [] }
        return Self.layerNames(in: SnapshotReader(state, of: "the model's layers"))
    }

    private static func layerNames(in reader: SnapshotReader) -> [String] {
        (reader.text("layerNames") ?? "").split(separator: "\n").map(String.init)
    }

    /// Reads what belongs to layers, once it is known which there are.
    ///
    /// Layers of parameters that this batch does not use are kept for the step that does. Layers of which a part has been
    /// frozen or thawed since are gone, as they are without an interruption.
    func readState(of layers: LayerCollection) throws(SnapshotError) {
        guard let state = unreadState else { return }
        let reader = SnapshotReader(state, of: "the model's layers")
        for name in reader.names where !["layers", "inverses", "layerNames", "inactiveNames"].contains(name) {
            reader.skip(name)
        }
        let names = Self.layerNames(in: reader)
        let wereInactive =
            reader.contains("inactiveNames")
            ? Set((reader.text("inactiveNames") ?? "").split(separator: "\n").map(String.init)) : []
        let found = Set(layers.blocks.map(\.name))
        let missing = names.filter { !found.contains($0) }
        let replaced = missing.filter { name in
            layers.blocks.contains { block in
                let own = block.parameters.map(\.name)
                return own.contains { LayerCollection.layer(name, contains: $0) }
                    && (layers.isUnused(name) || own.contains { wereInactive.contains($0) })
            }
        }
        let unused = missing.filter { !replaced.contains($0) && layers.isUnused($0) }
        for name in unused + replaced { for place in Self.places { reader.skip("\(place).\(name)") } }
        // A layer that had not been used yet begins with this batch.
        for block in layers.blocks where names.contains(block.name) {
            block.restore(from: reader.under("layers.\(block.name)"))
        }
        preconditioner.restore(from: reader.under("inverses"), blocks: layers.blocks) { self.preconditioner = $0 }
        try reader.finish()
        unusedLayers = unused
        if unused.isEmpty { unreadState = nil }
    }

    /// Gives layers that come into use the state that was kept for them.
    func readUnusedLayers(of layers: LayerCollection) throws(SnapshotError) {
        guard let state = unreadState else { return }
        for block in layers.blocks where unusedLayers.contains(block.name) {
            let reader = SnapshotReader(state, of: "the layer \(block.name)")
            for name in reader.names where name != "layers" && name != "inverses" { reader.skip(name) }
            for name in (unusedLayers + layers.blocks.map(\.name)) where name != block.name {
                for place in Self.places { reader.skip("\(place).\(name)") }
            }
            for name in ["lastStep", "pending"] { reader.skip("inverses.\(name)") }
            block.restore(from: reader.under("layers.\(block.name)"))
            let take = preconditioner.storedInverse(of: block, from: reader.under("inverses"), among: layers.blocks)
            try reader.finish()
            take(&preconditioner)
            unusedLayers.removeAll { $0 == block.name }
        }
        if unusedLayers.isEmpty { unreadState = nil }
    }
}
