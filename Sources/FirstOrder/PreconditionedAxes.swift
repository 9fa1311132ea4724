import Optimization
import Torch

/// A factor that acts on one axis of a tensor.
enum AxisFactor {
    /// Nothing.
    case identity
    /// A factor for each position.
    case diagonal(Tensor)
    /// A matrix: the axis is contracted with its rows.
    case matrix(Tensor)
}

/// A parameter's extents as a preconditioner for each axis sees them.
struct PreconditionedAxes {
    /// The extents.
    let shape: [Int]

    /// - Parameters:
    ///   - shape: The parameter's own shape.
    ///   - kernels: How parameters with more than two axes are seen.
    init(_ shape: [Int], kernels: KernelView) {
        self.shape =
            switch shape.count {
            case 0: [1]
            case 3... where kernels == .matrix: [shape[0], shape[1...].reduce(1, *)]
            default: shape
            }
    }

    /// The number of elements at each position of an axis; libtorch cannot tell it if there are no elements.
    private func others(_ extent: Int) -> Int { extent == 0 ? 0 : shape.reduce(1, *) / extent }

    /// A tensor of this shape as a matrix with one row for each position of an axis.
    private func unfolded(_ x: Tensor, axis: Int) -> Tensor {
        // Without a copy for the first and the last axis. The others' order does not matter to second moments.
        if axis == shape.count - 1 { return x.reshaped([others(shape[axis]), shape[axis]]).transposed() }
        return x.transposed(0, axis).reshaped([shape[axis], others(shape[axis])])
    }

    /// moment ← keep · moment + add · (the second moment of a tensor of this shape along an axis), or its diagonal.
    func addSecondMoment(of x: Tensor, axis: Int, to moment: Tensor, keep: Double, add: Double) {
        let rows = unfolded(x, axis: axis)
        if moment.rank == 2 {
            moment.formSum(withProductOf: rows, rows.transposed(), beta: keep, alpha: add)
        } else {
            moment.multiply(inPlace: keep)
            moment.add(inPlace: rows.squared().sum(1), scale: add)
        }
    }

    /// Lets factors act on all axes of a tensor of this shape.
    func applying(_ factors: [AxisFactor], to x: Tensor) -> Tensor {
        let acts = factors.contains { if case .identity = $0 { false } else { true } }
        guard acts else { return x }
        var result = x
        // Each product moves its axis to the end: after all of them, the order is the first one. The transposed
        // operands are views, which matrix products take as they are.
        for (factor, extent) in zip(factors, shape) {
            let columns = result.reshaped([extent, others(extent)]).transposed()
            switch factor {
            case .identity: result = columns
            case .diagonal(let scales): result = columns * scales
            case .matrix(let matrix): result = columns.matmul(matrix)
            }
        }
        return result.reshaped(shape)
    }
}
