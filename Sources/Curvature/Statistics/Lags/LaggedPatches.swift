import Torch

/// The patches of a convolution with stride 1 along its first spatial axis, whose second moment needs no patches.
///
/// Let U_i be the image's line i, with the kernel's windows along the other axes only. The block of the moment for the
/// kernel rows a ≤ a′ sums U_i U_{i+l}ᵀ with the lag l = a′ − a (times the dilation) over the lines that row a reads.
/// Row a reads all lines but a few at either edge, so one product for each lag serves all blocks of that lag, and each
/// block subtracts its few missing lines. For a 3x3 kernel: 3 products instead of 9, and 3 times the input in memory
/// instead of 9.
struct LaggedPatches: SecondMoment {
    private let lines: Tensor
    private let lineCount: Int
    private let channels: Int
    private let geometry: ConvolutionGeometry
    private let outputLines: Int
    private let hasBias: Bool
    let count: Int

    var memory: Tensor { lines }

    /// Prepares the statistics of one batch.
    ///
    /// - Parameter input: [batch, channels, spatial...].
    init(input: Tensor, geometry: ConvolutionGeometry, hasBias: Bool) {
        let rank = geometry.spatialRank
        let windows = Patches.windows(of: input, geometry: geometry, axes: 1..<rank)
        // [channels, other kernel axes..., lines, batch, other locations...]: a range of lines is a range of columns.
        let order = [1] + Array((rank + 2)..<(2 * rank + 1)) + [2, 0] + Array(3..<(rank + 2))
        let width = geometry.kernel.dropFirst().reduce(input.shape[1], *)
        lines = windows.permuted(order).reshaped([width, input.shape[2], -1])
        lineCount = input.shape[2]
        channels = input.shape[1]
        self.geometry = geometry
        self.hasBias = hasBias
        outputLines = geometry.outputShape(for: Array(input.shape.dropFirst(2)))[0]
        count = outputLines * lines.shape[2]
    }

    func accumulate(into target: Tensor, keep: Double, scale: Double, form: StatisticsForm) {
        let rows = geometry.kernel[0]
        let others = lines.shape[0] / channels
        let n = channels * rows * others
        let moment = Tensor.zeros([channels, rows, others, channels, rows, others], like: lines)
        for lag in 0..<rows {
            let whole = product(lines: 0..<end(lag: lag), lag: lag)
            for row in 0..<(rows - lag) {
                let block = remove(missing(row: row, lag: lag), from: whole, lag: lag)
                    .reshaped([channels, others, channels, others])
                moment[.all, row, .all, .all, row + lag] = block
                if lag > 0 { moment[.all, row + lag, .all, .all, row] = block.permuted(2, 3, 0, 1) }
            }
        }
        let body = hasBias ? target[0..<n, 0..<n] : target
        body.multiply(inPlace: keep)
        body.add(inPlace: moment.reshaped([n, n]), scale: scale)
        if hasBias { accumulateBias(into: target, sums: sums(), count: count, keep: keep, scale: scale) }
    }

    /// Σ U_i U_{i+l}ᵀ over a range of lines.
    private func product(lines range: Range<Int>, lag: Int) -> Tensor {
        guard range.count > 0 else { return Tensor.zeros([lines.shape[0], lines.shape[0]], like: lines) }
        let shift = lag * geometry.dilation[0]
        let first = lines[.all, range].flattened(from: 1)
        let second = lines[.all, (range.lowerBound + shift)..<(range.upperBound + shift)].flattened(from: 1)
        return first.matmul(second.transposed())
    }

    /// The sum over all lines without those that a kernel row does not read.
    private func remove(_ missing: [Range<Int>], from whole: Tensor, lag: Int) -> Tensor {
        missing.filter { !$0.isEmpty }.reduce(whole) { $0 - product(lines: $1, lag: lag) }
    }

    /// The number of lines i with a line i + l.
    private func end(lag: Int) -> Int { max(0, lineCount - lag * geometry.dilation[0]) }

    /// The lines i that a kernel row never reads: before the first and after the last of its positions.
    private func missing(row: Int, lag: Int) -> [Range<Int>] {
        let end = end(lag: lag)
        let read = readLines(row: row, end: end)
        return [0..<read.lowerBound, read.upperBound..<end]
    }

    /// The lines below `end` that a kernel row reads.
    private func readLines(row: Int, end: Int) -> Range<Int> {
        let first = row * geometry.dilation[0] - geometry.padding[0]
        let lower = min(max(first, 0), end)
        return lower..<max(lower, min(first + outputLines, end))
    }

    /// The sum of all patches.
    private func sums() -> Tensor {
        let others = lines.shape[0] / channels
        let lineSums = lines.sum(2).reshaped([channels, others, lineCount])
        let byRow = (0..<geometry.kernel[0]).map { row in
            let read = readLines(row: row, end: lineCount)
            return lineSums[.all, .all, read].sum(2)
        }
        return Tensor.stack(byRow, axis: 1).reshaped([-1])
    }
}
