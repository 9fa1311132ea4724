public import Torch

extension ModelCurvature {
    /// Copies everything that later updates and inverses depend on, but for the parameters and the configuration.
    public func state() -> Snapshot {
        gate.run("ModelCurvature.state", recordsGradients: false) {
            var snapshot = Snapshot()
            save(to: &snapshot)
            return snapshot
        }
    }

    /// Takes over the state of the curvature of the same parameters with the same configuration.
    ///
    /// - Throws: ``/Torch/SnapshotError`` where the state does not fit; this curvature is then as before.
    public func load(_ state: Snapshot) throws(SnapshotError) {
        try gate.run("ModelCurvature.load", recordsGradients: false) { () throws(SnapshotError) in
            let reader = SnapshotReader(state, of: "the curvature")
            restore(from: reader)
            try reader.finish()
        }
    }

    /// Stores the state as a part of another one.
    package func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        snapshot.set("generator", generator.state)
        snapshot.under("layers") { layers.save(to: &$0) }
    }

    /// Takes over what ``save(to:)`` stored, once the reader has found everything to fit.
    ///
    /// - Returns: The layers that there will then be.
    @discardableResult
    package func restore(from reader: SnapshotReader) -> LayerCollection {
        reader.integer("updateCount") { self.updateCount = $0 }
        reader.generator("generator", like: generator) { self.generator = $0 }
        reader.under("layers").requireFinite()
        let layers = layers.restored(from: reader.under("layers"))
        reader.whenFitting { self.layers = layers }
        return layers
    }
}
