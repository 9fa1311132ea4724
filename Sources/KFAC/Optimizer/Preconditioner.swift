import Dispatch
import Synchronization
import Torch

/// The inverses of the blocks' curvature, each as old as the schedule lets it get, applied to gradients.
struct Preconditioner {
    /// The stored inverse of each block, in the blocks' order; empty before the first update.
    private var inverses: [Stored?] = []
    /// What another thread is computing.
    private var pending: Pending?

    /// An inverse and the step of the statistics that it is of.
    private struct Stored {
        let inverse: any SymmetricOperator
        let step: Int
        var isNew = true
        var staleness: Double?
    }

    private struct Pending {
        let update: InverseUpdate
        let blocks: [Int]
        let step: Int
        let useAt: Int
    }

    /// Brings the inverses to where the schedule wants them at a step.
    ///
    /// - Parameter damping: That of new inverses.
    /// - Returns: Whether there was anything to do.
    mutating func update(
        of blocks: [any CurvatureBlock], atStep step: Int, schedule: InverseSchedule, damping: Double
    ) throws -> Bool {
        var didWork = false
        if inverses.isEmpty { inverses = blocks.map { _ in nil } }
        for index in inverses.indices {
            inverses[index]?.isNew = false
            inverses[index]?.staleness = nil
        }
        if let pending, step >= pending.useAt {
            self.pending = nil
            didWork = true
            for (index, result) in zip(pending.blocks, pending.update.results()) {
                inverses[index] = Stored(
                    inverse: try unwrap(result, block: blocks[index], step: pending.step), step: pending.step)
            }
        }
        var due = schedule.due(atStep: step, count: blocks.count)
        if case .whenStale(let error, let age, _) = schedule, due.isEmpty {
            due = try stale(blocks, beyond: error, olderThan: age, atStep: step, damping: damping)
            didWork = true
        }
        guard !due.isEmpty else { return didWork }
        if case .background(_, let delay, let initially) = schedule, step >= max(1, initially) {
            guard pending == nil else { return didWork }
            let tasks = try due.map { index in
                try unwrap(
                    attempt { () throws(LinearAlgebraError) in try blocks[index].inverseUpdate(damping: damping) },
                    block: blocks[index], step: step)
            }
            pending = Pending(update: InverseUpdate(tasks), blocks: due, step: step, useAt: step + delay)
        } else {
            pending = nil
            let applications = schedule.applications(atStep: step)
            for index in due {
                let inverse = attempt { () throws(LinearAlgebraError) in
                    try blocks[index].inverseCurvature(damping: damping, applications: applications)
                }
                inverses[index] = Stored(
                    inverse: try unwrap(inverse, block: blocks[index], step: step), step: step,
                    staleness: inverses[index]?.staleness)
            }
        }
        return true
    }

    /// The blocks whose inverse errs by more than `error` in a probe, or is as old as `age`.
    private mutating func stale(
        _ blocks: [any CurvatureBlock], beyond error: Double, olderThan age: Int, atStep step: Int, damping: Double
    ) throws -> [Int] {
        try blocks.indices.filter { index in
            guard let stored = inverses[index], step - stored.step < age else { return true }
            let curvature = try unwrap(
                attempt { () throws(LinearAlgebraError) in try blocks[index].curvature(damping: damping) },
                block: blocks[index], step: step)
            // Another vector for each layer and step, and the same when a run is repeated.
            let seed = UInt64(step) &* 1_000_003 &+ UInt64(index)
            let staleness = curvature.staleness(
                of: stored.inverse, like: blocks[index].parameters[0].tensor, seed: seed)
            inverses[index]?.staleness = staleness
            // What is not a number is stale.
            return !(staleness <= error)
        }
    }

    /// The inverse curvature times the gradient.
    ///
    /// - Parameters:
    ///   - blocks: All blocks.
    ///   - positions: For each block, where its parameters are among the gradients.
    ///   - gradients: In the parameters' order; those of no block stay as they are.
    ///   - thin: Blocks' gradients in thin form, by the blocks' numbers.
    func apply(
        _ blocks: [any CurvatureBlock], positions: [[Int]], to gradients: [Tensor], thin: [Int: ThinGradient]
    ) -> [Tensor] {
        var updates = gradients
        for (index, block) in blocks.enumerated() {
            guard let stored = inverses[index] else { continue }
            let results =
                thin[index].flatMap { (block as? KroneckerBlock)?.apply(stored.inverse, to: $0) }
                ?? block.apply(stored.inverse, to: positions[index].map { gradients[$0] })
            for (position, result) in zip(positions[index], results) { updates[position] = result }
        }
        return updates
    }

    /// How old each block's inverse is.
    func status(of blocks: [any CurvatureBlock], atStep step: Int) -> [InverseStatus] {
        zip(blocks, inverses).compactMap { block, stored in
            stored.map {
                InverseStatus(
                    layer: block.name, age: step - $0.step, isNew: $0.isNew, staleness: $0.staleness)
            }
        }
    }

    private func unwrap<Value>(
        _ result: Result<Value, LinearAlgebraError>, block: any CurvatureBlock, step: Int
    ) throws(OptimizerError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error): throw .inversionFailed(layer: block.name, step: step, error)
        }
    }
}

private func attempt<Value>(_ body: () throws(LinearAlgebraError) -> Value) -> Result<Value, LinearAlgebraError> {
    do throws(LinearAlgebraError) { return .success(try body()) } catch { return .failure(error) }
}

extension Preconditioner {
    /// Stores all inverses; waits for those that another thread is computing.
    func save(to snapshot: inout Snapshot, blocks: [any CurvatureBlock]) {
        for (block, stored) in zip(blocks, inverses) {
            guard let stored else { continue }
            snapshot.under("stored.\(block.name)") { snapshot in
                snapshot.set("matrix", stored.inverse)
                snapshot.set("step", stored.step)
            }
        }
        guard let pending else { return }
        snapshot.under("pending") { snapshot in
            snapshot.set("step", pending.step)
            snapshot.set("useAt", pending.useAt)
            for (index, result) in zip(pending.blocks, pending.update.results()) {
                snapshot.under("results.\(blocks[index].name)") { snapshot in
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

    /// Reads what ``save(to:blocks:)`` stored.
    func restore(
        from reader: SnapshotReader, blocks: [any CurvatureBlock], _ take: @escaping (Preconditioner) -> Void
    ) {
        var restored = Preconditioner()
        func matrix(_ reader: SnapshotReader, _ block: any CurvatureBlock) -> (any SymmetricOperator)? {
            let dimension = block.parameters.reduce(0) { $0 + $1.tensor.count }
            return reader.operation("matrix", dimension: dimension, like: block.parameters[0].tensor)
        }
        if reader.contains("stored") {
            restored.inverses = blocks.map { block in
                let reader = reader.under("stored.\(block.name)")
                // One that failed to come into being is not there.
                guard reader.contains("matrix"), let inverse = matrix(reader, block), let step = reader.integer("step")
                else { return nil }
                return Stored(inverse: inverse, step: step, isNew: false)
            }
        }
        if reader.contains("pending") {
            let reader = reader.under("pending")
            var numbers: [Int] = []
            var results: [Result<any SymmetricOperator, LinearAlgebraError>] = []
            for (index, block) in blocks.enumerated() {
                let reader = reader.under("results.\(block.name)")
                if reader.contains("matrix"), let inverse = matrix(reader, block) {
                    results.append(.success(inverse))
                } else if reader.contains("reason"), let operation = reader.text("operation"),
                    let reason = reader.text("reason")
                {
                    results.append(.failure(LinearAlgebraError(operation: operation, shape: [], reason: reason)))
                } else {
                    continue
                }
                numbers.append(index)
            }
            if let step = reader.integer("step"), let useAt = reader.integer("useAt") {
                restored.pending = Pending(update: InverseUpdate(results), blocks: numbers, step: step, useAt: useAt)
            }
        }
        reader.whenFitting { [restored] in take(restored) }
    }
}

/// An update of a block's inverse that can run on any thread: it holds a copy of the statistics.
typealias InverseTask = @Sendable () throws(LinearAlgebraError) -> any SymmetricOperator

/// Inverses that another thread computes.
private final class InverseUpdate: Sendable {
    private let values: Mutex<[Result<any SymmetricOperator, LinearAlgebraError>]> = Mutex([])
    private let group = DispatchGroup()

    /// Takes results that another one computed.
    init(_ results: [Result<any SymmetricOperator, LinearAlgebraError>]) { values.withLock { $0 = results } }

    init(_ tasks: [InverseTask]) {
        DispatchQueue.global(qos: .userInitiated).async(group: group) { [self] in
            let results = withoutGradients { tasks.map { attempt($0) } }
            values.withLock { $0 = results }
        }
    }

    /// Waits for the results, in the order of the tasks.
    func results() -> [Result<any SymmetricOperator, LinearAlgebraError>] {
        group.wait()
        return values.withLock { $0 }
    }
}
