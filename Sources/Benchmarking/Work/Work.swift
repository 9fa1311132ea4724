public import Torch

/// The least that a computation must do, however it is done: what its time is measured against.
///
/// A product and a sum are two flops. Bytes are those of single precision that must come from memory or go there once.
/// Terms of lower order (sums for biases, elementwise functions) are left out, so that this stays a lower bound.
public struct Work: Sendable, Hashable {
    /// Floating-point operations.
    public var flops: Double
    /// Bytes to be read or written.
    public var bytes: Double

    /// Creates an amount of work.
    public init(flops: Double = 0, bytes: Double = 0) {
        self.flops = flops
        self.bytes = bytes
    }

    /// The sum of two amounts.
    public static func + (a: Work, b: Work) -> Work { Work(flops: a.flops + b.flops, bytes: a.bytes + b.bytes) }

    /// Adds an amount.
    public static func += (a: inout Work, b: Work) { a = a + b }

    /// An amount several times, or a share of it.
    public static func * (factor: Double, work: Work) -> Work {
        Work(flops: factor * work.flops, bytes: factor * work.bytes)
    }

    /// The least time on a machine, in seconds: max(flops / peak, bytes / bandwidth).
    public func bound(at speed: MachineSpeed) -> Double { max(flops / speed.peak, bytes / speed.copyBandwidth) }

    /// A product of matrices [m, k] and [k, n]: 2 m n k flops; both are read, and the product is written.
    public static func product(rows m: Int, depth k: Int, columns n: Int) -> Work {
        let (m, k, n) = (Double(m), Double(k), Double(n))
        return Work(flops: 2 * m * n * k, bytes: 4 * (m * k + k * n + m * n))
    }

    /// The second moment Σ x xᵀ of vectors, added to a running average.
    ///
    /// n² flops for each vector, half of a general product as the result is symmetric. The vectors are read; of the
    /// average, one triangle is read and written.
    public static func symmetricProduct(dimension n: Int, rows: Int) -> Work {
        let (n, rows) = (Double(n), Double(rows))
        return Work(flops: n * n * rows, bytes: 4 * (rows * n + n * n))
    }

    /// The second moment of a convolution's patches, added to a running average.
    ///
    /// N C² Π U flops, with U for each spatial axis. Products of pixels recur in many patches: for a lag they are
    /// summed once over the image, and the few that a kernel's row never reads are taken off again. With the extent H,
    /// the kernel's extent k and the padding p, that is U(H) = (2k − 1) H − k (k − 1) for all pairs of rows less than k
    /// apart, and 2 (k − 1 − p)² for the pairs near both edges; all of it counts one flop for each product and its sum,
    /// as half of the pairs follow by symmetry. Where that does not apply (strides, dilations, padding by k or more) or
    /// where it is more, U is k² times the number of the kernel's positions: a symmetric product of the patches.
    ///
    /// The image is read; of the average, one triangle is read and written.
    ///
    /// - Parameters:
    ///   - input: [batch, channels, spatial...].
    ///   - geometry: How the kernel moves; of one group.
    public static func patchMoment(input: [Int], geometry: ConvolutionGeometry) -> Work {
        guard input.count == geometry.spatialRank + 2, geometry.groups == 1 else {
            fatalError("Work.patchMoment: an input of shape \(input) for \(geometry)")
        }
        let (batch, channels) = (Double(input[0]), Double(input[1]))
        let extents = Array(input.dropFirst(2))
        let positions = geometry.outputShape(for: extents)
        var flops = batch * channels * channels
        for axis in extents.indices {
            let kernel = Double(geometry.kernel[axis])
            let plain = kernel * kernel * Double(positions[axis])
            flops *= min(plain, lagTerms(axis, extent: extents[axis], geometry) ?? plain)
        }
        let dimension = Double(geometry.kernel.reduce(input[1], *))
        let pixels = Double(input.reduce(1, *))
        return Work(flops: flops, bytes: 4 * (pixels + dimension * dimension))
    }

    /// U of an axis by lags; nil where that does not apply.
    private static func lagTerms(_ axis: Int, extent: Int, _ geometry: ConvolutionGeometry) -> Double? {
        let (kernel, padding) = (geometry.kernel[axis], geometry.padding[axis])
        guard geometry.stride[axis] == 1, geometry.dilation[axis] == 1, padding < kernel, extent >= kernel - 1 else {
            return nil
        }
        let missing = kernel - 1 - padding
        return Double((2 * kernel - 1) * extent - kernel * (kernel - 1) + 2 * missing * missing)
    }

    /// The inverse of a symmetric matrix: n³ flops, n³/3 of them to factorise it (Cholesky); one triangle is read and
    /// one written.
    public static func inverse(dimension n: Int) -> Work {
        let n = Double(n)
        return Work(flops: n * n * n, bytes: 4 * n * n)
    }

    /// The eigenvectors of a symmetric matrix: 9 n³ flops, as usual by reduction to a tridiagonal matrix and back; one
    /// triangle is read, and all vectors are written.
    public static func eigenbasis(dimension n: Int) -> Work {
        let n = Double(n)
        return Work(flops: 9 * n * n * n, bytes: 4 * 1.5 * n * n)
    }

    /// A gradient [m, n] between the inverses of the layer's two factors: 2 m n (m + n) flops; both inverses and the
    /// gradient are read, and the result is written.
    ///
    /// - Parameter rows: The rank r of the gradient, where it is known: 2 r (m² + n² + m n) flops if that is less.
    public static func preconditioning(outputs m: Int, inputs n: Int, rows: Int? = nil) -> Work {
        let (m, n) = (Double(m), Double(n))
        let dense = 2 * m * n * (m + n)
        let flops = rows.map { min(dense, 2 * Double($0) * (m * m + n * n + m * n)) } ?? dense
        return Work(flops: flops, bytes: 4 * (n * n + m * m + 2 * m * n))
    }
}
