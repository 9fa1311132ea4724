public import Torch

/// The least damping of a factor is this, times the distance of 1 to the next number, times a bound of its greatest
/// eigenvalue: a little more than what rounding can make negative.
private let roundOffMargin = 8.0

// By way of the curvature as one matrix; blocks of several factors know better.
extension CurvatureBlock {
    public func examination(damping: Double, isTight: Bool) -> BlockExamination {
        // A curvature that cannot be formed is left to the inverse, whose failure has a message.
        guard let curvature = try? curvature(damping: 0) else { return BlockExamination() }
        return examination(of: curvature, damping: damping, isTight: isTight)
    }

    public var meanDiagonal: Double {
        guard let curvature = try? curvature(damping: 0) else { return 0 }
        return curvature.trace() / Double(curvature.dimension)
    }

    public func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try curvature(damping: 0).diagonalPart().dampedInverse(damping)
    }

    public func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        return try curvature(damping: 0).converted(to: .float64).dampedInverse(damping).converted(to: .float32)
    }
}

extension CurvatureBlock {
    /// Looks at the current statistics: by traces, and closer only where these leave something in doubt.
    package func examination(damping: Double, tolerance: Double) -> BlockExamination {
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

    /// That of a curvature which is one matrix.
    func examination(of matrix: any SymmetricOperator, damping: Double, isTight: Bool) -> BlockExamination {
        let trace = matrix.trace()
        guard trace >= 0, trace.isFinite else { return BlockExamination(isBroken: true) }
        let bound = isTight ? matrix.eigenvalueBound() : trace
        return BlockExamination(
            isDead: trace == 0, leastDamping: matrix.mixesElements ? roundOff * bound : 0,
            anisotropy: bound / damping, meanAnisotropy: trace / Double(matrix.dimension) / damping)
    }

    /// The distance of 1 to the next number of the parameters' type, times a margin.
    var roundOff: Double {
        roundOffMargin * (parameters[0].tensor.dtype == .float64 ? 0x1p-52 : 0x1p-23)
    }

    var isDoublePrecision: Bool { parameters[0].tensor.dtype == .float64 }
}
