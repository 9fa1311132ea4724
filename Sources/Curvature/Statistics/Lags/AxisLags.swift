/// Along one axis of an image: which of its pixels a kernel's elements read, and which pairs of elements read pixels
/// that lie equally far apart.
///
/// A kernel element at offset o = element · dilation − padding reads the pixels stride · u + o, for all outputs u.
/// Pixels fall into as many phases as the stride has; in its phase, o mod stride, an element reads neighbours.
struct AxisLags {
    /// The property that two kernel elements share with all pairs whose products are the same sums but for the edges.
    struct Lag: Hashable {
        /// The phases of the left and the right element.
        var left: Int
        var right: Int
        /// How far the right element's pixels are ahead, in pixels of a phase.
        var shift: Int
    }

    let extent: Int
    let stride: Int
    private let offsets: [Int]
    private let outputCount: Int

    init(extent: Int, kernel: Int, stride: Int, padding: Int, dilation: Int) {
        self.extent = extent
        self.stride = stride
        offsets = (0..<kernel).map { $0 * dilation - padding }
        outputCount = max(0, (extent + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1)
    }

    /// The kernel's elements.
    var elements: Range<Int> { 0..<offsets.count }

    /// The number of pixels of a phase.
    func count(phase: Int) -> Int { max(0, (extent - phase + stride - 1) / stride) }

    /// How the pixels of two elements lie to each other.
    func lag(_ left: Int, _ right: Int) -> Lag {
        Lag(left: phase(left), right: phase(right), shift: index(right) - index(left))
    }

    /// The pixels of the left element's phase that meet one of the right element's under some output.
    func pixels(_ left: Int, _ right: Int) -> Range<Int> {
        let read = index(left)..<(index(left) + outputCount)
        return read.clamped(to: all(lag(left, right)))
    }

    /// The pixels of the left phase that have a right pixel at this lag.
    func all(_ lag: Lag) -> Range<Int> {
        let lower = max(0, -lag.shift)
        return lower..<max(lower, min(count(phase: lag.left), count(phase: lag.right) - lag.shift))
    }

    /// The pixels of an image that an element reads, in the image's own numbers.
    func read(by element: Int) -> [Int] {
        (0..<outputCount).map { stride * $0 + offsets[element] }.filter { (0..<extent).contains($0) }
    }

    private func phase(_ element: Int) -> Int { ((offsets[element] % stride) + stride) % stride }
    private func index(_ element: Int) -> Int { (offsets[element] - phase(element)) / stride }
}
