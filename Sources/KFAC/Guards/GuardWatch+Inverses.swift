import Curvature
import Optimization
import Torch

/// Inverses: without guards as the block gives them or as errors, with guards the best that can be had.
extension GuardWatch {
    /// The damping to invert a block with, which with guards is at least what rounding demands.
    ///
    /// A basis needs none, and is the same with any.
    ///
    /// Notes what lasts.
    mutating func damping(
        of block: any CurvatureBlock, chosen damping: Double, for form: CurvatureForm
    ) -> Double {
        guard guards.isOn else { return damping }
        guard form == .inverse else {
            let found = block.examination(damping: 0, isTight: false)
            if found.isBroken { state.restarts.insert(block.name) }
            note(.deadLayer(layer: block.name), while: found.isDead)
            return damping
        }
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
    ///   - ladder: What leads to one.
    ///   - last: The inverse in use, which stays where nothing better can be had.
    ///   - step: The step in progress.
    mutating func inverse(
        by ladder: InverseLadder, last: BlockInverse?, step: Int
    ) throws(OptimizerError) -> BlockInverse {
        guard guards.isOn else {
            let result = attempt { () throws(LinearAlgebraError) in try ladder.first() }
            return BlockInverse(
                block: ladder.block, matrix: try unwrap(result, of: ladder.block, ladder.form, step: step),
                form: ladder.form,
                step: step, staleness: last?.staleness)
        }
        return keep(ladder.climb(), of: ladder, last, step)
    }

    /// The inverse that another thread computed, or what takes its place.
    ///
    /// - Parameters:
    ///   - ladder: What leads to a replacement.
    ///   - result: What came of it.
    ///   - last: The inverse in use, which stays where nothing better can be had.
    ///   - start: The step of the statistics.
    ///   - step: The step in progress.
    mutating func inverse(
        by ladder: InverseLadder, _ result: InverseResult, last: BlockInverse?, startedAt start: Int, step: Int
    ) throws(OptimizerError) -> BlockInverse {
        func started(_ matrix: any SymmetricOperator) -> BlockInverse {
            BlockInverse(block: ladder.block, matrix: matrix, form: ladder.form, step: start)
        }
        guard guards.isOn else { return started(try unwrap(result, of: ladder.block, ladder.form, step: start)) }
        if let inverse = ladder.usable(result) { return started(inverse) }
        return keep(ladder.climbOn(), of: ladder, last, step)
    }

    /// The computation of an inverse for another thread; with guards, one that fails does so where it is taken into
    /// use.
    func task(of ladder: InverseLadder, step: Int) throws(OptimizerError) -> InverseTask {
        let task = attempt { () throws(LinearAlgebraError) in try ladder.task() }
        if guards.isOn, case .failure(let error) = task { return { () throws(LinearAlgebraError) in throw error } }
        return try unwrap(task, of: ladder.block, ladder.form, step: step)
    }

    /// The damped curvature that an inverse is probed with; with guards nil where there is none.
    func curvature(
        of block: any CurvatureBlock, damping: Double, step: Int
    ) throws(OptimizerError) -> (any SymmetricOperator)? {
        let result = attempt { () throws(LinearAlgebraError) in try block.curvature(damping: damping) }
        // An inverse that cannot be probed, such as a closed form, waits for its age.
        if guards.isOn, case .failure = result { return nil }
        return try unwrap(result, of: block, .inverse, step: step)
    }

    /// The multiple of the identity that ends a ladder.
    mutating func identity(in ladder: InverseLadder, step: Int) -> BlockInverse {
        note(.inverseRepaired(layer: ladder.block.name, rung: .identity))
        return BlockInverse(
            block: ladder.block, matrix: ladder.identity(), form: ladder.form, step: step, rung: .identity)
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
                block: ladder.block, matrix: inverse, form: ladder.form, step: step, staleness: last?.staleness,
                rung: rung)
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
        _ result: Result<Value, LinearAlgebraError>, of block: any CurvatureBlock, _ form: CurvatureForm, step: Int
    ) throws(OptimizerError) -> Value {
        switch result {
        case .success(let value): return value
        case .failure(let error):
            switch form {
            case .inverse: throw .inversionFailed(layer: block.name, step: step, error)
            case .eigenbasis, .correctedEigenbasis:
                throw .preconditionerFailed(parameter: block.name, step: step, error)
            }
        }
    }
}
