import Curvature
import Optimization
import Torch

/// Inverses: without guards as the block gives them or as errors, with guards the best that can be had.
extension GuardWatch {
    /// The damping to invert a block with, which with guards is at least what rounding demands.
    ///
    /// Notes what lasts.
    mutating func damping(of block: any CurvatureBlock, chosen damping: Double) -> Double {
        guard guards.isOn else { return damping }
        let found = block.examination(damping: damping, tolerance: guards.gradientDescentTolerance)
        if found.isBroken { state.restarts.insert(block.name) }
        note(.deadLayer(layer: block.name), while: found.isDead)
        note(
            .gradientDescent(layer: block.name),
            while: !found.isDead && found.anisotropy <= guards.gradientDescentTolerance)
        let least = found.leastDamping.isFinite ? found.leastDamping : 0
        note(.dampingRaised(layer: block.name, from: damping, to: least), while: least > damping)
        return max(damping, least)
    }

    /// The inverse of a block's current statistics.
    ///
    /// - Parameters:
    ///   - damping: λ.
    ///   - applications: The number of steps that it serves.
    ///   - last: The inverse in use, which stays where nothing better can be had.
    ///   - step: The step in progress.
    mutating func inverse(
        of block: any CurvatureBlock, damping: Double, applications: Int, last: BlockInverse?, step: Int
    ) throws(OptimizerError) -> BlockInverse {
        guard guards.isOn else {
            let result = attempt { () throws(LinearAlgebraError) in
                try block.inverseCurvature(damping: damping, applications: applications)
            }
            return BlockInverse(
                block: block, matrix: try unwrap(result, of: block, step: step), step: step, staleness: last?.staleness)
        }
        let ladder = InverseLadder(block: block, damping: damping, applications: applications)
        return keep(ladder.climb(), of: ladder, last, step)
    }

    /// The inverse that another thread computed, or what takes its place.
    ///
    /// - Parameters:
    ///   - result: What came of it.
    ///   - damping: λ.
    ///   - last: The inverse in use, which stays where nothing better can be had.
    ///   - start: The step of the statistics.
    ///   - step: The step in progress.
    mutating func inverse(
        of block: any CurvatureBlock, _ result: InverseResult, damping: Double, last: BlockInverse?,
        startedAt start: Int, step: Int
    ) throws(OptimizerError) -> BlockInverse {
        guard guards.isOn else {
            return BlockInverse(block: block, matrix: try unwrap(result, of: block, step: start), step: start)
        }
        let ladder = InverseLadder(block: block, damping: damping, applications: .max)
        if let inverse = ladder.usable(result) { return BlockInverse(block: block, matrix: inverse, step: start) }
        return keep(ladder.climbOn(), of: ladder, last, step)
    }

    /// The computation of an inverse for another thread; with guards, one that fails does so where it is taken into
    /// use.
    func inverseTask(of block: any CurvatureBlock, damping: Double, step: Int) throws(OptimizerError) -> InverseTask {
        let task = attempt { () throws(LinearAlgebraError) in try block.inverseUpdate(damping: damping) }
        if guards.isOn, case .failure(let error) = task { return { () throws(LinearAlgebraError) in throw error } }
        return try unwrap(task, of: block, step: step)
    }

    /// The damped curvature that an inverse is probed with; with guards nil where there is none.
    func curvature(
        of block: any CurvatureBlock, damping: Double, step: Int
    ) throws(OptimizerError) -> (any SymmetricOperator)? {
        let result = attempt { () throws(LinearAlgebraError) in try block.curvature(damping: damping) }
        // An inverse that cannot be probed, such as a closed form, waits for its age.
        if guards.isOn, case .failure = result { return nil }
        return try unwrap(result, of: block, step: step)
    }

    /// The multiple of the identity that ends a ladder.
    mutating func identity(in ladder: InverseLadder, step: Int) -> BlockInverse {
        note(.inverseRepaired(layer: ladder.block.name, rung: .identity))
        return BlockInverse(block: ladder.block, matrix: ladder.identity(), step: step, rung: .identity)
    }

    /// Decides on what a ladder led to: an inverse, the last good one, or the identity.
    private mutating func keep(
        _ result: InverseLadder.Inverse?, of ladder: InverseLadder, _ last: BlockInverse?, _ step: Int
    ) -> BlockInverse {
        let layer = ladder.block.name
        if let (inverse, rung) = result {
            if let rung { note(.inverseRepaired(layer: layer, rung: rung)) }
            // More damping may be needed by good statistics. Those that fail even so are no average of squares.
            if rung == .diagonal { state.restarts.insert(layer) }
            return BlockInverse(
                block: ladder.block, matrix: inverse, step: step, staleness: last?.staleness, rung: rung)
        }
        state.restarts.insert(layer)
        guard var last, last.rung != .identity, !ladder.fails(at: .lastGood) else {
            return identity(in: ladder, step: step)
        }
        last.rung = .lastGood
        note(.inverseRepaired(layer: layer, rung: .lastGood))
        return last
    }

    private func unwrap<Value>(
        _ result: Result<Value, LinearAlgebraError>, of block: any CurvatureBlock, step: Int
    ) throws(OptimizerError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error): throw .inversionFailed(layer: block.name, step: step, error)
        }
    }
}
