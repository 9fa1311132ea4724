import Curvature
import Optimization
import Torch

/// The inverses of the blocks' curvature, each as old as the schedule lets it get, applied to gradients.
struct Preconditioner {
    /// The inverse of each block that has one.
    var inverses: [ObjectIdentifier: BlockInverse] = [:]
    /// The update that another thread is computing.
    var pending: PendingInverses?
    /// The step of the last update; nil before the first.
    var lastStep: Int?
    /// The moments of the gradients of blocks that have a basis, in that basis.
    var moments: [ObjectIdentifier: GradientMoments] = [:]

    /// The eigenvalues of blocks in the basis in use, where they do not come from the factors.
    var eigenvalues: [ObjectIdentifier: CorrectedEigenvalues] = [:]
    /// What is added to those.
    var damping = BlockDamping.absolute(0)

    /// What an update goes by.
    struct Request {
        let step: Int
        let schedule: InverseSchedule
        let form: CurvatureForm
        /// The damping of new inverses; of bases none.
        let damping: BlockDamping
        /// The number of steps that new inverses serve; by default as many as the schedule tells.
        var applications: Int?
    }

    /// Brings the inverses to where the schedule wants them at a step.
    ///
    /// - Parameters:
    ///   - blocks: All blocks.
    ///   - isMoved: Whether the step moves a block; inverses of the others wait until one does.
    ///   - watch: Guards the inverses, and is told what that took.
    /// - Returns: Whether there was anything to do.
    mutating func update(
        _ blocks: [any CurvatureBlock], isMoved: [Bool], _ request: Request, watch: inout GuardWatch
    ) throws -> Bool {
        let moved = zip(blocks, isMoved).filter(\.1).map(\.0)
        let step = request.step
        forget(allBut: blocks, in: request.form)
        damping = request.damping
        // Steps that were rejected may have been due.
        let steps = min((lastStep ?? step - 1) + 1, step)...step
        lastStep = step
        var didWork = try usePending(moved, atStep: step, &watch)
        var due = due(moved, in: steps, of: request.schedule)
        for (block, isMoved) in zip(blocks, isMoved) { inverses[ObjectIdentifier(block)]?.isIdle = !isMoved }
        if case .whenStale(let error, let age, _) = request.schedule, due.isEmpty {
            due = try stale(moved, beyond: error, olderThan: age, request, watch)
            didWork = true
        }
        guard !due.isEmpty else { return didWork }

        let dampings = due.map { watch.damping(of: $0, chosen: request.damping($0), for: request.form) }
        let isComplete = moved.allSatisfy { inverses[ObjectIdentifier($0)] != nil }
        // Another thread's come later, and each block needs one now.
        if case .background(_, let delay, let initially) = request.schedule, step >= max(1, initially), isComplete {
            guard pending == nil else { return didWork }
            let tasks = try zip(due, dampings).map {
                try watch.task(of: InverseLadder(block: $0, damping: $1, form: request.form), step: step)
            }
            // Where memory has run out, statistics have no numbers, which only this thread knows.
            try MemoryFault.check()
            pending = PendingInverses(
                update: InverseUpdate(tasks), form: request.form, blocks: due, dampings: dampings, step: step,
                useAt: min(step + delay, SnapshotReader.counts.upperBound))
            return true
        }
        pending = nil
        let applications = request.applications ?? request.schedule.applications(atStep: step)
        for (block, damping) in zip(due, dampings) {
            let ladder = InverseLadder(
                block: block, damping: damping, applications: applications, form: request.form)
            use(try watch.inverse(by: ladder, last: inverses[ObjectIdentifier(block)], step: step))
        }
        return true
    }

    /// Keeps the inverses of blocks that there still are, none of which is new any more, and those in the form that is
    /// asked for: the rule may have changed.
    private mutating func forget(allBut blocks: [any CurvatureBlock], in form: CurvatureForm) {
        let present = Set(blocks.map { ObjectIdentifier($0) })
        inverses = inverses.filter { present.contains($0.key) && $0.value.form == form }
        moments = moments.filter { inverses[$0.key] != nil && form == .eigenbasis }
        eigenvalues = eigenvalues.filter { inverses[$0.key] != nil && form == .correctedEigenbasis }
        if pending?.form != form { pending = nil }
        for block in present {
            inverses[block]?.isNew = false
            inverses[block]?.staleness = nil
        }
    }

    /// Takes another thread's inverses into use at the step that they are meant for.
    ///
    /// - Returns: Whether this was it.
    private mutating func usePending(
        _ moved: [any CurvatureBlock], atStep step: Int, _ watch: inout GuardWatch
    ) throws -> Bool {
        pending?.keep(moved)
        guard let pending, step >= pending.useAt else { return false }
        self.pending = nil
        for ((block, damping), result) in zip(zip(pending.blocks, pending.dampings), try pending.update.results()) {
            guard let block else { continue }
            let ladder = InverseLadder(block: block, damping: damping, form: pending.form)
            use(
                try watch.inverse(
                    by: ladder, result, last: inverses[ObjectIdentifier(block)], startedAt: pending.step, step: step))
        }
        return true
    }

    /// The blocks that are due at one of some steps, that have no inverse yet, or that were due while they were idle.
    private func due(
        _ moved: [any CurvatureBlock], in steps: ClosedRange<Int>, of schedule: InverseSchedule
    ) -> [any CurvatureBlock] {
        let scheduled = schedule.due(atSteps: steps, count: moved.count)
        return moved.enumerated().filter { number, block in
            guard !scheduled.contains(number), let inverse = inverses[ObjectIdentifier(block)] else { return true }
            return inverse.isIdle && inverse.step < steps.upperBound
                && schedule.due(atSteps: inverse.step + 1...steps.upperBound, count: moved.count).contains(number)
        }.map(\.element)
    }

    /// The blocks whose inverse errs by more than `error` in a probe, or is as old as `age`.
    private mutating func stale(
        _ moved: [any CurvatureBlock], beyond error: Double, olderThan age: Int, _ request: Request,
        _ watch: GuardWatch
    ) throws -> [any CurvatureBlock] {
        try moved.enumerated().filter { number, block in
            guard let inverse = inverses[ObjectIdentifier(block)], request.step - inverse.step < age else {
                return true
            }
            guard let curvature = try watch.curvature(of: block, damping: request.damping(block), step: request.step)
            else {
                return false
            }
            // Another vector for each layer and step, and the same when a run is repeated.
            let seed = UInt64(request.step) &* 1_000_003 &+ UInt64(number)
            let staleness = curvature.staleness(of: inverse.matrix, like: block.parameters[0].tensor, seed: seed)
            inverses[ObjectIdentifier(block)]?.staleness = staleness
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
        thin: [ObjectIdentifier: ThinGradient] = [:]
    ) -> [Tensor] {
        var updates = gradients
        for (block, positions) in zip(blocks, positions) {
            guard let inverse = inverses[ObjectIdentifier(block)]?.matrix, let positions else { continue }
            let results =
                applyCorrected(block, to: positions.map { gradients[$0] })
                ?? thin[ObjectIdentifier(block)].flatMap { (block as? KroneckerBlock)?.apply(inverse, to: $0) }
                ?? block.apply(inverse, to: positions.map { gradients[$0] })
            for (position, result) in zip(positions, results) { updates[position] = result }
        }
        return updates
    }

    /// How old the inverse of each block is that the last step moved.
    func status(of blocks: [any CurvatureBlock], atStep step: Int) -> [InverseStatus] {
        blocks.compactMap { block in
            guard let inverse = inverses[ObjectIdentifier(block)], !inverse.isIdle else { return nil }
            return InverseStatus(
                layer: block.name, age: step - inverse.step, isNew: inverse.isNew, staleness: inverse.staleness,
                repair: inverse.rung)
        }
    }

    /// Puts multiples of the identity in the place of inverses, and the coordinate axes in that of bases, that made
    /// something of a gradient that is not finite, until the next update.
    mutating func discard(_ blocks: [any CurvatureBlock], atStep step: Int, damping: Double, watch: inout GuardWatch) {
        for block in blocks {
            guard let form = inverses[ObjectIdentifier(block)]?.form else { continue }
            // Nor can moments be trusted that led there, nor eigenvalues.
            moments[ObjectIdentifier(block)] = nil
            eigenvalues[ObjectIdentifier(block)] = nil
            use(
                watch.identity(
                    in: InverseLadder(block: block, damping: damping, applications: 1, form: form), step: step))
        }
    }
}
