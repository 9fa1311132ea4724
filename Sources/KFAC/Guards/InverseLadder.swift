import Optimization
import Torch

/// The attempts to invert a block's curvature, one after the other, until one gives finite numbers.
struct InverseLadder {
    let block: any CurvatureBlock
    let damping: Double
    var applications = Int.max
    var form = CurvatureForm.inverse

    /// Whether an attempt to invert a layer's curvature is to fail, at a rung or (nil) at first.
    typealias Fault = @Sendable (_ layer: String, _ rung: InverseRung?) -> Bool

    /// Makes attempts fail that succeed otherwise, in tests.
    @TaskLocal static var fault: Fault?

    /// An inverse and what it had to be replaced by.
    typealias Inverse = (inverse: any SymmetricOperator, rung: InverseRung?)

    /// The inverse itself, or what the statistics still allow; nil where they allow nothing.
    func climb() -> Inverse? {
        let inverse = attempt(nil) { () throws(LinearAlgebraError) in try first() }
        return inverse.map { ($0, nil) } ?? climbOn()
    }

    /// The inverse or the basis itself.
    func first() throws(LinearAlgebraError) -> any SymmetricOperator {
        switch form {
        case .inverse: try block.inverseCurvature(damping: damping, applications: applications)
        case .eigenbasis, .correctedEigenbasis: try block.eigenbasisUpdate(in: block.parameters[0].tensor.dtype)()
        }
    }

    /// A function that computes the inverse or the basis on any thread.
    func task() throws(LinearAlgebraError) -> InverseTask {
        switch form {
        case .inverse: return try block.inverseUpdate(damping: damping)
        case .eigenbasis, .correctedEigenbasis:
            let update = try block.eigenbasisUpdate(in: block.parameters[0].tensor.dtype)
            return { () throws(LinearAlgebraError) in try update() }
        }
    }

    /// The best replacement that the statistics allow after the inverse has failed; nil for none.
    ///
    /// Damping does not change a basis, and the basis of a diagonal is that of the identity.
    func climbOn() -> Inverse? {
        guard form == .inverse else {
            guard block.parameters[0].tensor.dtype != .float64 else { return nil }
            let precise = attempt(.doublePrecision) { () throws(LinearAlgebraError) in
                try block.eigenbasisUpdate(in: .float64)()
            }
            return precise.map { ($0, .doublePrecision) }
        }
        for factor in damping > 0 ? [10.0, 100, 1000] : [] {
            let rung = InverseRung.moreDamping(factor: factor)
            let inverse = attempt(rung) { () throws(LinearAlgebraError) in
                try block.inverseCurvature(damping: factor * damping, applications: applications)
            }
            if let inverse { return (inverse, rung) }
        }
        let precise = attempt(.doublePrecision) { () throws(LinearAlgebraError) in
            try block.preciseInverse(damping: damping)
        }
        if let precise { return (precise, .doublePrecision) }
        let diagonal = attempt(.diagonal) { () throws(LinearAlgebraError) in
            try block.diagonalInverse(damping: damping)
        }
        return diagonal.map { ($0, .diagonal) }
    }

    /// A multiple of the identity, whatever the statistics are.
    func identity() -> any SymmetricOperator {
        let mean = block.meanDiagonal
        let parameter = block.parameters[0].tensor
        // Its products with gradients, whose squares are finite, are finite too.
        let greatest = parameter.dtype == .float64 ? 1e100 : 1e15
        var scale = 1 / (damping + max(0, mean))
        if !scale.isFinite || scale == 0 { scale = damping > 0 ? 1 / damping : 1 }
        let count = block.parameters.reduce(0) { $0 + $1.tensor.count }
        return DiagonalOperator(
            Tensor.full([count], min(scale, greatest), dtype: parameter.dtype, device: parameter.device))
    }

    /// A result of another thread; nil if it is of no use.
    func usable(_ result: InverseResult) -> (any SymmetricOperator)? {
        attempt(nil) { () throws(LinearAlgebraError) in try result.get() }
    }

    /// Whether a test wants this rung to fail.
    func fails(at rung: InverseRung?) -> Bool { Self.fault?(block.name, rung) == true }

    private func attempt(
        _ rung: InverseRung?, _ body: () throws(LinearAlgebraError) -> (any SymmetricOperator)?
    ) -> (any SymmetricOperator)? {
        guard !fails(at: rung) else { return nil }
        do throws(LinearAlgebraError) {
            guard let inverse = try body(), inverse.isFinite else { return nil }
            return inverse
        } catch {
            return nil
        }
    }
}
