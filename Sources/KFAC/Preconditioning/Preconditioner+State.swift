import Curvature
import Optimization
import Torch

extension Preconditioner {
    /// Stores all inverses; waits for those that another thread is computing.
    func save(to snapshot: inout Snapshot, blocks: [any CurvatureBlock]) {
        if let lastStep { snapshot.set("lastStep", lastStep) }
        for block in blocks {
            guard let inverse = inverses[ObjectIdentifier(block)] else { continue }
            snapshot.under("stored.\(block.name)") { snapshot in
                snapshot.set("matrix", inverse.matrix)
                snapshot.set("step", inverse.step)
                snapshot.set(inverse.form)
                moments[ObjectIdentifier(block)].map { own in snapshot.under("moments") { own.save(to: &$0) } }
                eigenvalues[ObjectIdentifier(block)].map { own in snapshot.under("eigenvalues") { own.save(to: &$0) } }
                if let rung = inverse.rung { snapshot.set("rung", rung) }
                if inverse.isIdle { snapshot.set("isIdle", 1) }
            }
        }
        guard var pending else { return }
        pending.keep(blocks)
        // Where there was no memory for what is pending, the run ends when it is due.
        guard let results = try? pending.update.results() else { return }
        snapshot.under("pending") { snapshot in
            snapshot.set(pending.form)
            snapshot.set("step", pending.step)
            snapshot.set("useAt", pending.useAt)
            for ((block, damping), result) in zip(zip(pending.blocks, pending.dampings), results) {
                guard let block else { continue }
                snapshot.set("dampings.\(block.name)", damping)
                snapshot.under("results.\(block.name)") { snapshot in
                    switch result {
                    case .success(let inverse): snapshot.set("matrix", inverse)
                    case .failure(let error):
                        snapshot.set("operation", error.operation)
                        snapshot.set("reason", error.reason)
                    }
                }
            }
        }
    }

    /// Reads what ``save(to:blocks:)`` stored; faults where it does not fit the blocks.
    init(from reader: SnapshotReader, blocks: [any CurvatureBlock]) {
        for block in blocks {
            inverses[ObjectIdentifier(block)] = Self.inverse(of: block, in: reader)
            let own = reader.under("stored.\(block.name).moments")
            if !own.names.isEmpty { moments[ObjectIdentifier(block)] = GradientMoments(from: own, block: block) }
            guard let inverse = inverses[ObjectIdentifier(block)], inverse.form == .correctedEigenbasis,
                let basis = inverse.matrix as? any EigenbasisOperator
            else { continue }
            eigenvalues[ObjectIdentifier(block)] = CorrectedEigenvalues(
                from: reader.under("stored.\(block.name).eigenvalues"), basis: basis)
        }
        if reader.contains("lastStep") { lastStep = reader.integer("lastStep") }
        if reader.contains("pending") { pending = Self.pending(of: blocks, in: reader.under("pending")) }
    }

    private static func inverse(of block: any CurvatureBlock, in reader: SnapshotReader) -> BlockInverse? {
        let reader = reader.under("stored.\(block.name)")
        // One that failed to come into being is not there.
        let form = reader.curvatureForm()
        guard reader.contains("matrix"), let matrix = matrix(of: block, form, in: reader),
            let step = reader.integer("step")
        else { return nil }
        return BlockInverse(
            block: block, matrix: matrix, form: form, step: step, isNew: false,
            isIdle: reader.contains("isIdle") && reader.integer("isIdle") == 1,
            rung: reader.contains("rung") ? reader.rung("rung") : nil)
    }

    private static func pending(of blocks: [any CurvatureBlock], in reader: SnapshotReader) -> PendingInverses? {
        let form = reader.curvatureForm()
        var parts: [(block: any CurvatureBlock, damping: Double, result: InverseResult)] = []
        for block in blocks where reader.contains("dampings.\(block.name)") {
            guard let damping = reader.number("dampings.\(block.name)") else { continue }
            let reader = reader.under("results.\(block.name)")
            if reader.contains("matrix"), let inverse = matrix(of: block, form, in: reader) {
                parts.append((block, damping, .success(inverse)))
            } else if reader.contains("reason"), let operation = reader.text("operation"),
                let reason = reader.text("reason")
            {
                let error = LinearAlgebraError(operation: operation, shape: [], reason: reason)
                parts.append((block, damping, .failure(error)))
            }
        }
        guard let step = reader.integer("step"), let useAt = reader.integer("useAt") else { return nil }
        // Where counting ends, there is no later step.
        let isLast = useAt == step && step == SnapshotReader.counts.upperBound
        if !isLast, !SettingBounds.period.contains(useAt - step) {
            reader.fault("the inverses of step \(step) are to be used at step \(useAt)")
        }
        return PendingInverses(
            update: InverseUpdate(parts.map(\.result)), form: form, blocks: parts.map(\.block),
            dampings: parts.map(\.damping),
            step: step, useAt: useAt)
    }

    private static func matrix(
        of block: any CurvatureBlock, _ form: CurvatureForm, in reader: SnapshotReader
    ) -> (any SymmetricOperator)? {
        let dimension = block.parameters.reduce(0) { $0 + $1.tensor.count }
        let matrix = reader.operation("matrix", dimension: dimension, like: block.parameters[0].tensor)
        if form.isBasis, let matrix, !(matrix is any EigenbasisOperator) {
            reader.fault("the stored basis of \(block.name) is not one")
            return nil
        }
        guard let block = block as? KroneckerBlock, let product = matrix as? KroneckerOperator, !block.fits(product)
        else { return matrix }
        reader.fault(
            "the inverse of \(block.name) is a product of matrices of \(product.left.dimension) and "
                + "\(product.right.dimension) rows")
        return nil
    }
}

extension Snapshot {
    /// Notes that what is stored is no inverse.
    fileprivate mutating func set(_ form: CurvatureForm) {
        if form.isBasis { set("isEigenbasis", 1) }
        if form == .correctedEigenbasis { set("isCorrected", 1) }
    }
}

extension SnapshotReader {
    fileprivate func curvatureForm() -> CurvatureForm {
        guard contains("isEigenbasis"), integer("isEigenbasis") == 1 else { return .inverse }
        return contains("isCorrected") && integer("isCorrected") == 1 ? .correctedEigenbasis : .eigenbasis
    }
}
