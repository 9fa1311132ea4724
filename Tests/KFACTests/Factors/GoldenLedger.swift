import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A golden case whose tensors are ticked off as they are used, so that none is silently skipped.
final class GoldenLedger {
    let golden: GoldenCase
    private var unused: Set<String>
    private(set) var comparedCount = 0

    init(group: String, case name: String) throws {
        golden = try GoldenGroup(group).case(name)
        unused = Set(golden.tensors.keys)
    }

    /// The type of the case's tensors.
    var dtype: DType { golden.tensors.values.first { $0.dtype.isFloatingPoint }!.dtype }

    func has(_ name: String) -> Bool { golden.tensors[name] != nil }

    /// A tensor that goes in, or that is compared by other means.
    func take(_ name: String) throws -> Tensor {
        unused.remove(name)
        return try golden[name]
    }

    /// Tensors that go in, numbered from 0: `prefix` and the number.
    func takeAll(_ prefix: String) throws -> [Tensor] {
        try (0...).lazy.map { "\(prefix)\($0)" }.prefix(while: has).map(take)
    }

    /// Compares a statistic with what the original has for it.
    func expectStatistic(
        _ value: Tensor, _ name: String, order: (Tensor) -> Tensor = { $0 },
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(value, name, GoldenTolerance.statistics(dtype), order, sourceLocation)
    }

    /// Compares an inverse, or what depends on one, with what the original has for it.
    func expectInverse(
        _ value: Tensor, _ name: String, order: (Tensor) -> Tensor = { $0 },
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        try expect(value, name, GoldenTolerance.inverses(dtype), order, sourceLocation)
    }

    /// Counts a comparison that was made by other means.
    func countComparison(of names: String...) {
        for name in names { unused.remove(name) }
        comparedCount += names.count
    }

    /// Fails where a tensor of the case was neither put in nor compared.
    func expectNothingLeft(sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(unused.isEmpty, sourceLocation: sourceLocation)
        #expect(comparedCount > 0, sourceLocation: sourceLocation)
    }

    /// Relative to the greatest entry, as entries may cancel.
    private func expect(
        _ value: Tensor, _ name: String, _ tolerance: Double, _ order: (Tensor) -> Tensor, _ location: SourceLocation
    ) throws {
        let expected = order(try take(name))
        let scale = Swift.max(expected.abs().max().scalar, 1e-12)
        expectClose(
            value, expected, relative: tolerance, absolute: tolerance * scale, name, sourceLocation: location)
        comparedCount += 1
    }
}

/// How the original orders a convolution's patch, [kernel...][channel], and this library, [channel][kernel...].
struct PatchOrder {
    let channels: Int
    let positions: Int
    let hasBias: Bool

    init(filterShape: [Int], hasBias: Bool) {
        channels = filterShape[filterShape.count - 2]
        positions = filterShape.dropLast(2).reduce(1, *)
        self.hasBias = hasBias
    }

    /// The original's numbers of the coordinates, in this library's order.
    private var indices: Tensor {
        let patch = (0..<channels).flatMap { channel in (0..<positions).map { $0 * channels + channel } }
        return Tensor(patch + (hasBias ? [channels * positions] : []))
    }

    /// The original's rows in this library's order.
    func rows(_ x: Tensor) -> Tensor { x.gathered(indices) }

    /// The original's columns in this library's order.
    func columns(_ x: Tensor) -> Tensor { x.gathered(indices, axis: 1) }

    /// The original's matrix in this library's order.
    func matrix(_ x: Tensor) -> Tensor { columns(rows(x)) }
}

/// TensorFlow's padding of a convolution, with the odd pixel at the end.
enum GoldenPadding {
    /// [batch, spatial..., channels] as [batch, channels, spatial...], with the border that the padding means.
    static func apply(
        _ padding: String, to x: Tensor, kernel: [Int], stride: [Int], dilation: [Int]
    ) -> Tensor {
        let rank = kernel.count
        let channelsFirst = x.permuted([0, rank + 1] + Array(1...rank))
        guard padding == "SAME" else { return channelsFirst }
        let widths = (0..<rank).map { axis in
            let extent = x.shape[axis + 1]
            let outputs = (extent + stride[axis] - 1) / stride[axis]
            let reach = dilation[axis] * (kernel[axis] - 1) + 1
            let total = max((outputs - 1) * stride[axis] + reach - extent, 0)
            return (before: total / 2, after: total - total / 2)
        }
        return channelsFirst.padded(widths.reversed())
    }
}

extension GoldenCase {
    /// Whole numbers among the settings; nil where there are none.
    func integers(_ name: String) -> [Int]? { settings[name] as? [Int] }

    /// The convolution that the settings describe, its padding aside, and what brings an input into its form.
    ///
    /// - Parameter spatialRank: Strides and dilations may be given for the batch and the channels, too.
    func convolution() throws -> (geometry: ConvolutionGeometry, prepare: (Tensor) -> Tensor) {
        let filter = try #require(integers("filter_shape"))
        let kernel = Array(filter.dropLast(2))
        func spatial(_ name: String) -> [Int]? {
            integers(name).map { $0.count == kernel.count + 2 ? Array($0.dropFirst().dropLast()) : $0 }
        }
        let ones = kernel.map { _ in 1 }
        let stride = spatial("strides") ?? ones
        let dilation = spatial("dilations") ?? spatial("dilation_rate") ?? ones
        let padding = try #require(settings["padding"] as? String)
        return (
            ConvolutionGeometry(kernel: kernel, stride: stride, dilation: dilation),
            { GoldenPadding.apply(padding, to: $0, kernel: kernel, stride: stride, dilation: dilation) }
        )
    }
}
