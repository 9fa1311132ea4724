import Foundation
import Torch

/// How fast a machine is at the moment at the two things that bound all others.
public struct MachineSpeed: Sendable, Hashable {
    /// Flops in a second of products in single precision: the best rate that the linked library or a kernel reaches.
    public var peak: Double
    /// Bytes read and written in a second by a copy much larger than the caches.
    public var copyBandwidth: Double

    /// Creates a description.
    public init(peak: Double, copyBandwidth: Double) {
        self.peak = peak
        self.copyBandwidth = copyBandwidth
    }

    /// The better of two measurements in each respect.
    static func best(_ a: MachineSpeed, _ b: MachineSpeed) -> MachineSpeed {
        MachineSpeed(peak: max(a.peak, b.peak), copyBandwidth: max(a.copyBandwidth, b.copyBandwidth))
    }
}

/// Measures how fast the machine is, as often as wanted: other programs may slow it at any time.
struct MachineProbe {
    private static let size = 1024

    private let factors: (Tensor, Tensor)
    private let source: Tensor
    private let target: Tensor

    /// Creates a probe, with the memory that it needs.
    init() {
        var generator = RandomGenerator(seed: 3)
        factors = (generator.normal([Self.size, Self.size]), generator.normal([Self.size, Self.size]))
        let count = Self.copiedBytes / 4
        // Written once, so that the system has given the memory.
        source = Tensor.ones([count])
        target = Tensor.zeros([count])
    }

    /// Measures both with all threads.
    func speed() -> MachineSpeed { MachineSpeed(peak: peak(), copyBandwidth: copyBandwidth()) }

    /// Flops in a second of products of 1024×1024 matrices, by the linked library and by the kernels, and of the
    /// kernels within their caches: the best of some.
    func peak() -> Double {
        let flops = 2 * Double(Self.size * Self.size * Self.size)
        let whole = MatrixProducts.allCases.filter(\.isAvailable).map { source in
            flops / leastSeconds { source.run { _ = factors.0.matmul(factors.1) } }
        }
        guard LineProducts.canRun(on: .cpu) else { return whole.max()! }
        return (whole + [LineProducts.rate(rows: 96, columns: 96) * Double(Runtime.threadCount)]).max()!
    }

    /// ``peak()`` on one thread.
    func peakOnOneThread() -> Double {
        let threads = Runtime.threadCount
        Runtime.threadCount = 1
        defer { Runtime.threadCount = threads }
        return peak()
    }

    private func copyBandwidth() -> Double {
        2 * Double(Self.copiedBytes) / leastSeconds { target.assign(source) }
    }

    /// The least of several times: what the machine can, not what it is disturbed by.
    private func leastSeconds(_ body: () -> Void) -> Double {
        body()
        return (0..<5).map { _ in Sample(of: body).seconds }.min()!
    }

    /// The size of a copy: four times the largest cache, from 64 to 512 MiB.
    private static let copiedBytes: Int = {
        #if canImport(Glibc)
            let cache = sysconf(Int32(_SC_LEVEL3_CACHE_SIZE))
        #else
            let cache = 0
        #endif
        return min(max(4 * cache, 1 << 26), 1 << 29)
    }()
}
