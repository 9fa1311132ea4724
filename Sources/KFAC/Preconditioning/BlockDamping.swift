import Curvature

/// The damping that blocks are inverted with.
enum BlockDamping {
    /// One number for all.
    case absolute(Double)
    /// A multiple of the mean eigenvalue of each block's curvature, or another number where that is zero.
    case relative(Double, otherwise: Double)

    /// The number of a block.
    func callAsFunction(_ block: any CurvatureBlock) -> Double {
        switch self {
        case .absolute(let damping): return damping
        case .relative(let share, let damping):
            let mean = block.meanDiagonal
            return mean > 0 && mean.isFinite ? share * mean : damping
        }
    }
}
