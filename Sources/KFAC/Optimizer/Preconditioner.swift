import Optimization
import Torch

/// The inverses of the blocks' curvature, each as old as the schedule lets it get, applied to gradients.
struct Preconditioner {
    /// The stored inverse of each block, in the blocks' order; empty before the first update.
    private var inverses: [Stored?] = []
    /// The update that another thread is computing.
    private var pending: Pending?
    /// The step of the last update; nil before the first.
    private var lastStep: Int?
    /// Blocks that the last step did not move: their inverses are not kept up to date.
    private var idle: Set<ObjectIdentifier> = []
    /// Makes inverses fail, for tests.
    var fault: InverseFault?

    /// An inverse and the step of the statistics that it is of.
    private struct Stored {
        let inverse: any SymmetricOperator
        let step: Int
        var isNew = true
        var staleness: Double?
        /// The replacement, if it failed.
        var rung: InverseRung?
    }

    private struct Pending {
        let update: InverseUpdate
        /// The numbers of the blocks; nil for one that is gone.
        let blocks: [Int?]
        let step: Int
        let useAt: Int
        let dampings: [Double]

        /// The same with other numbers of the blocks.
        func mappingBlocks(_ number: (Int) -> Int?) -> Pending {
            Pending(
                update: update, blocks: blocks.map { $0.flatMap(number) }, step: step, useAt: useAt, dampings: dampings)
        }
    }

    /// Brings the inverses to where the schedule wants them at a step.
    ///
    /// - Parameters:
    ///   - isMoved: For each block, whether the step moves its parameters; inverses of the others wait until it does.
    ///   - applications: How many steps new inverses serve; by default as many as the schedule tells.
    ///   - damping: That of new inverses.
    ///   - guards: Whether inverses that fail are repaired.
    ///   - watch: Is told of what the guards do.
    /// - Returns: Whether there was anything to do.
    mutating func update(
        of blocks: [any CurvatureBlock], isMoved: [Bool], atStep step: Int, schedule: InverseSchedule,
        applications: Int? = nil, damping: Double, guards: Guards, watch: inout GuardWatch
    ) throws -> Bool {
        let moved = blocks.indices.filter { isMoved[$0] }
        // Updates of a block that is not in use meanwhile are dropped, so that resuming need not know of them.
        if !isMoved.allSatisfy({ $0 }) { pending = pending?.mappingBlocks { isMoved[$0] ? $0 : nil } }
        var didWork = false
        // Steps that were rejected may have been due.
        let missed = (lastStep ?? step - 1) + 1 < step
        let steps = missed ? (lastStep ?? step) + 1...step : step...step
        lastStep = step
        if inverses.isEmpty { inverses = blocks.map { _ in nil } }
        for index in inverses.indices {
            inverses[index]?.isNew = false
            inverses[index]?.staleness = nil
        }
        if let pending, step >= pending.useAt {
            self.pending = nil
            didWork = true
            for ((index, damping), result) in zip(zip(pending.blocks, pending.dampings), try pending.update.results()) {
                guard let index else { continue }
                if guards.isOn {
                    let failed = fault?(blocks[index].name, nil) == true
                    if !failed, case .success(let inverse) = result, inverse.isFinite {
                        inverses[index] = Stored(inverse: inverse, step: pending.step)
                    } else {
                        let ladder = ladder(blocks[index], damping, applications: .max)
                        keep(ladder.climbOn(), of: ladder, index, step, &watch)
                    }
                } else {
                    inverses[index] = Stored(
                        inverse: try unwrap(result, block: blocks[index], step: pending.step), step: pending.step)
                }
            }
        }
        func dueBlocks(atStep step: Int) -> [Int] {
            schedule.due(atStep: step, count: moved.count).map { moved[$0] }
        }
        func dueBlocks(atSteps steps: ClosedRange<Int>) -> Set<Int> {
            Set(schedule.due(atSteps: steps, count: moved.count).map { moved[$0] })
        }
        var due = dueBlocks(atStep: step)
        let isComplete = moved.allSatisfy { inverses[$0] != nil }
        let returning = moved.filter { idle.contains(ObjectIdentifier(blocks[$0])) }
        if missed || !isComplete || !returning.isEmpty {
            let all = Set(due).union(missed ? dueBlocks(atSteps: steps) : [])
            let late = returning.filter { index in
                guard let stored = inverses[index], stored.step < step else { return false }
                return dueBlocks(atSteps: stored.step + 1...step).contains(index)
            }
            due = all.union(moved.filter { inverses[$0] == nil }).union(late).sorted()
        }
        idle = Set(blocks.indices.filter { !isMoved[$0] }.map { ObjectIdentifier(blocks[$0]) })
        if case .whenStale(let error, let age, _) = schedule, due.isEmpty {
            due = try stale(
                blocks, moved, beyond: error, olderThan: age, atStep: step, damping: damping, isGuarded: guards.isOn)
            didWork = true
        }
        guard !due.isEmpty else { return didWork }
        let dampings = due.map { guards.isOn ? watch.examine(blocks[$0], damping: damping, guards) : damping }
        // Another thread's come later, and each block needs one now.
        if case .background(_, let delay, let initially) = schedule, step >= max(1, initially), isComplete {
            guard pending == nil else { return didWork }
            let tasks = try zip(due, dampings).map { index, damping in
                let task = attempt { () throws(LinearAlgebraError) in try blocks[index].inverseUpdate(damping: damping)
                }
                // A guarded failure is handled where the inverse is taken into use.
                if guards.isOn, case .failure(let error) = task {
                    return { () throws(LinearAlgebraError) in throw error } as InverseTask
                }
                return try unwrap(task, block: blocks[index], step: step)
            }
            pending = Pending(
                update: InverseUpdate(tasks), blocks: due, step: step,
                useAt: min(step + delay, SnapshotReader.counts.upperBound), dampings: dampings)
        } else {
            pending = nil
            let applications = applications ?? schedule.applications(atStep: step)
            for (index, damping) in zip(due, dampings) {
                if guards.isOn {
                    let ladder = ladder(blocks[index], damping, applications: applications)
                    keep(ladder.climb(), of: ladder, index, step, &watch)
                    continue
                }
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
        _ blocks: [any CurvatureBlock], _ moved: [Int], beyond error: Double, olderThan age: Int, atStep step: Int,
        damping: Double,
        isGuarded: Bool
    ) throws -> [Int] {
        try moved.enumerated().filter { number, index in
            guard let stored = inverses[index], step - stored.step < age else { return true }
            let result = attempt { () throws(LinearAlgebraError) in try blocks[index].curvature(damping: damping) }
            // An inverse that cannot be probed, such as a closed form, waits for its age.
            if isGuarded, case .failure = result { return false }
            let curvature = try unwrap(result, block: blocks[index], step: step)
            // Another vector for each layer and step, and the same when a run is repeated.
            let seed = UInt64(step) &* 1_000_003 &+ UInt64(number)
            let staleness = curvature.staleness(
                of: stored.inverse, like: blocks[index].parameters[0].tensor, seed: seed)
            inverses[index]?.staleness = staleness
            // NaN counts as stale.
            return !(staleness <= error)
        }.map(\.element)
    }

    /// The inverse curvature times the gradient.
    ///
    /// - Parameters:
    ///   - blocks: All blocks.
    ///   - positions: For each block, where its parameters are among the gradients; nil where they are not.
    ///   - gradients: In the parameters' order; those of no block stay as they are.
    ///   - thin: Blocks' gradients in thin form.
    func apply(
        _ blocks: [any CurvatureBlock], positions: [[Int]?], to gradients: [Tensor],
        thin: [ObjectIdentifier: ThinGradient]
    ) -> [Tensor] {
        var updates = gradients
        for (index, block) in blocks.enumerated() {
            guard inverses.indices.contains(index), let stored = inverses[index], let positions = positions[index]
            else { continue }
            let results =
                thin[ObjectIdentifier(block)].flatMap { (block as? KroneckerBlock)?.apply(stored.inverse, to: $0) }
                ?? block.apply(stored.inverse, to: positions.map { gradients[$0] })
            for (position, result) in zip(positions, results) { updates[position] = result }
        }
        return updates
    }

    /// Keeps the inverses of the blocks that stay where new ones come in or old ones go.
    mutating func follow(_ old: [any CurvatureBlock], to new: [any CurvatureBlock]) {
        guard !old.elementsEqual(new, by: { $0 === $1 }) else { return }
        let places = Dictionary(uniqueKeysWithValues: new.enumerated().map { (ObjectIdentifier($1), $0) })
        if let pending {
            self.pending = pending.mappingBlocks { places[ObjectIdentifier(old[$0])] }
        }
        guard !inverses.isEmpty else { return }
        let stored = Dictionary(uniqueKeysWithValues: zip(old.map { ObjectIdentifier($0) }, inverses))
        inverses = new.map { stored[ObjectIdentifier($0)] ?? nil }
    }

    /// How old the inverse of each block is that the last step moved.
    func status(of blocks: [any CurvatureBlock], atStep step: Int) -> [InverseStatus] {
        zip(blocks, inverses).compactMap { block, stored in
            guard !idle.contains(ObjectIdentifier(block)) else { return nil }
            return stored.map {
                InverseStatus(
                    layer: block.name, age: step - $0.step, isNew: $0.isNew, staleness: $0.staleness,
                    repair: $0.rung)
            }
        }
    }

    private func ladder(_ block: any CurvatureBlock, _ damping: Double, applications: Int) -> InverseLadder {
        InverseLadder(block: block, damping: damping, applications: applications, fault: fault)
    }

    /// Stores what a ladder led to: an inverse, the last good one or the identity.
    private mutating func keep(
        _ result: InverseLadder.Inverse?, of ladder: InverseLadder, _ index: Int, _ step: Int,
        _ watch: inout GuardWatch
    ) {
        let layer = ladder.block.name
        let staleness = inverses[index]?.staleness
        switch result {
        case .some((let inverse, let rung)):
            inverses[index] = Stored(inverse: inverse, step: step, staleness: staleness, rung: rung)
            if let rung { watch.note(.inverseRepaired(layer: layer, rung: rung)) }
            // More damping may be needed by good statistics. Those that fail even so are no average of squares.
            if rung == .diagonal { watch.state.restarts.insert(layer) }
        case nil:
            if inverses[index] != nil, inverses[index]?.rung != .identity, ladder.fault?(layer, .lastGood) != true {
                inverses[index]?.rung = .lastGood
                watch.note(.inverseRepaired(layer: layer, rung: .lastGood))
            } else {
                replace(index, by: ladder, atStep: step, &watch)
            }
            watch.state.restarts.insert(layer)
        }
    }

    /// Puts a multiple of the identity in an inverse's place.
    private mutating func replace(_ index: Int, by ladder: InverseLadder, atStep step: Int, _ watch: inout GuardWatch) {
        inverses[index] = Stored(inverse: ladder.identity(), step: step, rung: .identity)
        watch.note(.inverseRepaired(layer: ladder.block.name, rung: .identity))
    }

    /// Puts multiples of the identity in the place of blocks' inverses that made something of a gradient that is not
    /// finite, until the next update.
    mutating func discard(
        _ indices: [Int], of blocks: [any CurvatureBlock], atStep step: Int, damping: Double, watch: inout GuardWatch
    ) {
        for index in indices where inverses.indices.contains(index) {
            replace(index, by: ladder(blocks[index], damping, applications: 1), atStep: step, &watch)
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

extension Preconditioner {
    /// Stores all inverses; waits for those that another thread is computing.
    func save(to snapshot: inout Snapshot, blocks: [any CurvatureBlock]) {
        if let lastStep { snapshot.set("lastStep", lastStep) }
        for (block, stored) in zip(blocks, inverses) {
            guard let stored else { continue }
            snapshot.under("stored.\(block.name)") { snapshot in
                snapshot.set("matrix", stored.inverse)
                snapshot.set("step", stored.step)
                if let rung = stored.rung { snapshot.set("rung", rung) }
                if idle.contains(ObjectIdentifier(block)) { snapshot.set("isIdle", 1) }
            }
        }
        // Where there was no memory for what is pending, the run ends when it is due.
        guard let pending, let results = try? pending.update.results() else { return }
        snapshot.under("pending") { snapshot in
            snapshot.set("step", pending.step)
            snapshot.set("useAt", pending.useAt)
            for ((index, damping), result) in zip(zip(pending.blocks, pending.dampings), results) {
                guard let index else { continue }
                snapshot.set("dampings.\(blocks[index].name)", damping)
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
        if reader.contains("stored") {
            restored.inverses = blocks.map { stored(for: $0, in: reader) }
            let idle = blocks.filter { block in
                let name = "stored.\(block.name).isIdle"
                return reader.contains(name) && reader.integer(name) == 1
            }
            restored.idle = Set(idle.map { ObjectIdentifier($0) })
        }
        if reader.contains("lastStep") { restored.lastStep = reader.integer("lastStep") }
        if reader.contains("pending") {
            let reader = reader.under("pending")
            var numbers: [Int] = []
            var dampings: [Double] = []
            var results: [Result<any SymmetricOperator, LinearAlgebraError>] = []
            for (index, block) in blocks.enumerated() where reader.contains("dampings.\(block.name)") {
                guard let damping = reader.number("dampings.\(block.name)") else { continue }
                let reader = reader.under("results.\(block.name)")
                if reader.contains("matrix"), let inverse = matrix(of: block, in: reader) {
                    results.append(.success(inverse))
                } else if reader.contains("reason"), let operation = reader.text("operation"),
                    let reason = reader.text("reason")
                {
                    results.append(.failure(LinearAlgebraError(operation: operation, shape: [], reason: reason)))
                } else {
                    continue
                }
                numbers.append(index)
                dampings.append(damping)
            }
            if let step = reader.integer("step"), let useAt = reader.integer("useAt") {
                // Where counting ends, there is no later step.
                let isLast = useAt == step && step == SnapshotReader.counts.upperBound
                if !isLast, !SettingBounds.period.contains(useAt - step) {
                    reader.fault("the inverses of step \(step) are to be used at step \(useAt)")
                }
                restored.pending = Pending(
                    update: InverseUpdate(results), blocks: numbers, step: step, useAt: useAt, dampings: dampings)
            }
        }
        reader.whenFitting { [restored] in take(restored) }
    }

    private func stored(for block: any CurvatureBlock, in reader: SnapshotReader) -> Stored? {
        let reader = reader.under("stored.\(block.name)")
        // One that failed to come into being is not there.
        guard reader.contains("matrix"), let inverse = matrix(of: block, in: reader),
            let step = reader.integer("step")
        else { return nil }
        let rung = reader.contains("rung") ? reader.rung("rung") : nil
        return Stored(inverse: inverse, step: step, isNew: false, rung: rung)
    }

    private func matrix(of block: any CurvatureBlock, in reader: SnapshotReader) -> (any SymmetricOperator)? {
        let dimension = block.parameters.reduce(0) { $0 + $1.tensor.count }
        let matrix = reader.operation("matrix", dimension: dimension, like: block.parameters[0].tensor)
        guard let block = block as? KroneckerBlock, let product = matrix as? KroneckerOperator, !block.fits(product)
        else { return matrix }
        reader.fault(
            "the inverse of \(block.name) is a product of matrices of \(product.left.dimension) and "
                + "\(product.right.dimension) rows")
        return nil
    }
}
