import Torch

/// What the guards find out about a block before they let it be inverted.
struct BlockExamination {
    /// Whether a trace is negative or not finite, which that of an average of squares cannot be.
    var isBroken = false
    /// Whether there is no curvature: a trace is zero.
    var isDead = false
    /// The least damping that the rounding of the factors allows, in units of the mean loss's curvature.
    var leastDamping = 0.0
    /// A bound of how far the damped curvature is from a multiple of the identity: the greatest by the least eigenvalue,
    /// less 1.
    var anisotropy = Double.infinity
    /// The same for the mean eigenvalues: not above the true one.
    var meanAnisotropy = Double.infinity
}

/// A block that the guards know how to examine and to repair.
protocol GuardedBlock: CurvatureBlock {
    /// Looks at the current statistics.
    ///
    /// - Parameters:
    ///   - damping: λ.
    ///   - isTight: Whether the eigenvalues are bounded by O(dimension²) work, or by traces alone.
    func examination(damping: Double, isTight: Bool) -> BlockExamination

    /// The mean of the curvature's diagonal.
    var meanDiagonal: Double { get }

    /// The inverse of the damped curvature with the factors replaced by their diagonals.
    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of the damped curvature by way of double precision; nil where that is not possible.
    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)?

    /// Begins the running averages anew.
    func restartStatistics()
}

extension GuardedBlock {
    /// Looks at the current statistics: by traces, and closer only where these leave something in doubt.
    func examination(damping: Double, tolerance: Double) -> BlockExamination {
        let quick = examination(damping: damping, isTight: false)
        // A trace can be as many times too great as there are dimensions: only then is the work of the others worth it.
        let isInDoubt = quick.anisotropy > tolerance && quick.meanAnisotropy <= tolerance
        guard quick.leastDamping > damping || isInDoubt else { return quick }
        let tight = examination(damping: damping, isTight: true)
        var result = quick
        result.leastDamping = min(quick.leastDamping, tight.leastDamping)
        result.anisotropy = min(quick.anisotropy, tight.anisotropy)
        return result
    }

    /// The distance of 1 to the next number of the parameters' type, times a margin.
    var roundOff: Double {
        Guards.roundOffMargin * (parameters[0].tensor.dtype == .float64 ? 0x1p-52 : 0x1p-23)
    }

    var isDoublePrecision: Bool { parameters[0].tensor.dtype == .float64 }
}

extension FactorBlock: GuardedBlock {
    func examination(damping: Double, isTight: Bool) -> BlockExamination {
        let average = factor.average
        let trace = average.trace()
        guard trace >= 0, trace.isFinite else { return BlockExamination(isBroken: true) }
        let bound = isTight ? average.eigenvalueBound() : trace
        return BlockExamination(
            isDead: trace == 0, leastDamping: average.mixesElements ? roundOff * bound : 0,
            anisotropy: bound / damping, meanAnisotropy: trace / Double(average.dimension) / damping)
    }

    var meanDiagonal: Double { factor.meanDiagonal }

    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try factor.average.diagonalPart().dampedInverse(damping)
    }

    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        return try factor.average.converted(to: .float64).dampedInverse(damping).converted(to: .float32)
    }

    func restartStatistics() { (factor as? any RestartableFactor)?.restart() }
}

/// A factor whose running average can be begun anew.
protocol RestartableFactor: FisherFactor {
    /// Forgets all batches.
    func restart()

    /// Lets the batches so far fade by one in which nothing counted.
    func fade(decay: Double)
}
