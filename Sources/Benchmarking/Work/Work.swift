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
}
