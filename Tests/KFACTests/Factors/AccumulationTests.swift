import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Parts of a batch against the whole, for every kind of factor.
///
/// A part after the first has decay 1 and its number of examples as weight. (By the exponential rule decay 1 freezes
/// the average, as in the original, so this holds for the weighted rule.)
@Suite struct AccumulationTests {
    /// A factor and what updates it with the examples of a range.
    struct Subject {
        let factor: any FisherFactor
        let update: (_ examples: Range<Int>, _ decay: Double) -> Void
    }

    static let kinds: [String: @Sendable () -> Subject] = [
        "convolution inputs": {
            let factor = ConvInputKroneckerFactor(
                channels: 4, geometry: ConvolutionGeometry(kernel: [3, 3], padding: [1]), hasBias: true,
                dtype: .float64)
            let x = randomTensor([12, 4, 5, 5])
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], decay: $1) }
        },
        "grouped convolution inputs": {
            let factor = ConvInputKroneckerFactor(
                channels: 4, geometry: ConvolutionGeometry(kernel: [3, 3], groups: 2), hasBias: true, dtype: .float64)
            let x = randomTensor([12, 4, 5, 5])
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], decay: $1) }
        },
        "convolution outputs": {
            let factor = ConvOutputKroneckerFactor(channels: 3, dtype: .float64)
            let (a, b) = (randomTensor([12, 3, 2, 2]), randomTensor([12, 3, 2, 2], seed: 2))
            return Subject(factor: factor) { factor.update(outputGradients: [a[$0], b[$0]], decay: $1) }
        },
        "uncorrelated": {
            let factor = SpatiallyUncorrelatedConvInputFactor(
                channels: 3, kernel: [3, 3], hasBias: true, dtype: .float64)
            let x = randomTensor([12, 3, 4, 4], in: 0..<2)
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], decay: $1) }
        },
        "uncorrelated, mean dropped": {
            let factor = SpatiallyUncorrelatedConvInputFactor(
                channels: 3, kernel: [3, 3], hasBias: false, mean: .dropped, dtype: .float64)
            let x = randomTensor([12, 3, 4, 4], in: 0..<2)
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], decay: $1) }
        },
        "fully connected": {
            let factor = FullyConnectedKroneckerFactor(features: 3, hasBias: true, dtype: .float64)
            let x = randomTensor([12, 5, 3])
            return Subject(factor: factor) { factor.update([x[$0]], decay: $1) }
        },
        "time series": {
            let factor = FullyConnectedMultiKroneckerFactor(features: 3, hasBias: true, dtype: .float64)
            let x = randomTensor([4, 12, 3])
            return Subject(factor: factor) { factor.update([TimeSeries(x[.all, $0])], decay: $1) }
        },
        "diagonal Kronecker": {
            let factor = DiagonalKroneckerFactor(features: 3, hasBias: true, dtype: .float64)
            let x = randomTensor([12, 2, 3])
            return Subject(factor: factor) { factor.update([x[$0]], decay: $1) }
        },
        "embedding": {
            let factor = DiagonalKroneckerFactor(features: 7, dtype: .float64)
            var generator = RandomGenerator(seed: 1)
            let ids = generator.integers([12, 2], in: 0..<7)
            return Subject(factor: factor) { factor.update(indices: [ids[$0]], decay: $1) }
        },
        "fully connected diagonal": {
            let factor = FullyConnectedDiagonalFactor(inputs: 3, outputs: 2, hasBias: true, dtype: .float64)
            let (x, s) = (randomTensor([12, 4, 3]), randomTensor([12, 4, 2], seed: 2))
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], outputGradients: [[s[$0]]], decay: $1) }
        },
        "convolution diagonal": {
            let factor = ConvDiagonalFactor(
                inputs: 2, outputs: 2, geometry: ConvolutionGeometry(kernel: [2, 2]), hasBias: true, dtype: .float64)
            let (x, s) = (randomTensor([12, 2, 4, 4]), randomTensor([12, 2, 3, 3], seed: 2))
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], outputGradients: [[s[$0]]], decay: $1) }
        },
        "scale and shift, full": {
            let factor = ScaleAndShiftFullFactor(count: 3, axes: [1], dtype: .float64)
            let (x, s) = (randomTensor([12, 3, 4]), randomTensor([12, 3, 4], seed: 2))
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], outputGradients: [[s[$0]]], decay: $1) }
        },
        "scale and shift, diagonal": {
            let factor = ScaleAndShiftDiagonalFactor(count: 3, axes: [1], dtype: .float64)
            let (x, s) = (randomTensor([12, 3, 4]), randomTensor([12, 3, 4], seed: 2))
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], outputGradients: [[s[$0]]], decay: $1) }
        },
        "scale and shift, unitwise": {
            let factor = ScaleAndShiftUnitwiseFactor(count: 3, axes: [1], dtype: .float64)
            let (x, s) = (randomTensor([12, 3, 4]), randomTensor([12, 3, 4], seed: 2))
            return Subject(factor: factor) { factor.update(inputs: [x[$0]], outputGradients: [[s[$0]]], decay: $1) }
        },
    ]

    @Test(arguments: kinds.keys.sorted()) func partsOfABatchEqualTheWhole(_ kind: String) throws {
        let make = try #require(Self.kinds[kind])
        let (whole, parts) = (make(), make())
        // A first batch, then a second one: with decay, in one go or in parts of different sizes.
        whole.update(0..<4, 0.9)
        whole.update(4..<12, 0.9)
        parts.update(0..<4, 0.9)
        parts.update(4..<5, 0.9)
        parts.update(5..<9, 1)
        parts.update(9..<12, 1)
        expectClose(
            parts.factor.average.dense(), whole.factor.average.dense(), relative: 1e-10, absolute: 1e-12, kind)
        #expect(whole.factor.updateCount == 2 && parts.factor.updateCount == 4)
        #expect((whole.factor.meanDiagonal - parts.factor.meanDiagonal).magnitude < 1e-12)
        #expect(whole.factor.dimension == whole.factor.average.dimension)
        // The lag matrix is not part of the average.
        if let whole = whole.factor as? FullyConnectedMultiKroneckerFactor,
            let parts = parts.factor as? FullyConnectedMultiKroneckerFactor
        {
            expectClose(parts.lagCovariance, whole.lagCovariance, relative: 1e-10, absolute: 1e-12)
        }
        // Before the first batch all is zero, but for the bias's 1 where it is no statistic.
        #expect(make().factor.average.trace() == (kind == "uncorrelated" ? 1 : 0))
    }

    /// Parts of one update: several uses or devices, put behind one another.
    @Test func partsOfOneUpdateAreConcatenated() {
        let parts = [randomTensor([3, 2, 2]), randomTensor([3, 4, 2], seed: 2)]
        let joined = Tensor.concatenate(parts, axis: 1)
        let (a, b) = (
            FullyConnectedKroneckerFactor(features: 2, hasBias: true, dtype: .float64),
            FullyConnectedKroneckerFactor(features: 2, hasBias: true, dtype: .float64)
        )
        a.update(uses: [parts, parts.map { $0 * 2 }], decay: 0.5)
        b.update([joined, joined * 2], decay: 0.5)
        expectClose(a.covariance, b.covariance, relative: 1e-12)

        let channels = parts.map { $0.permuted(0, 2, 1) }
        let output = ConvOutputKroneckerFactor(channels: 2, dtype: .float64)
        output.update(uses: [channels], decay: 0.5)
        expectClose(
            output.covariance,
            joined.flattened().reshaped([-1, 2]).transposed().matmul(joined.reshaped([-1, 2])) / 18, relative: 1e-12)
    }

    @Test func rulesOfAveraging() {
        let batches = (1...3).map { randomTensor([4, 2], seed: $0) }
        let moments = batches.map { $0.transposed().matmul($0) / 4 }
        func average(_ settings: FactorSettings, weights: [Double]) -> Tensor {
            let factor = FullyConnectedKroneckerFactor(features: 2, settings: settings, dtype: .float64)
            for (batch, weight) in zip(batches, weights) { factor.update([batch], decay: 0.5, weight: weight) }
            return factor.covariance
        }
        func combined(_ a: Double, _ b: Double, _ c: Double) -> Tensor {
            moments[0] * a + moments[1] * b + moments[2] * c
        }
        expectClose(
            average(FactorSettings(), weights: [4, 8, 2]), combined(1, 4, 2) / 7, relative: 1e-12)
        expectClose(
            average(FactorSettings(averaging: .zeroDebiased), weights: [4, 8, 2]), combined(1, 2, 4) / 7,
            relative: 1e-12)
        // The start is irrelevant to both.
        expectClose(
            average(FactorSettings(start: .identity), weights: [4, 8, 2]), combined(1, 4, 2) / 7, relative: 1e-12)
        expectClose(
            average(.tensorFlow17, weights: [4, 8, 2]),
            combined(1, 2, 4) / 8 + Tensor.identity(2, dtype: .float64) / 8, relative: 1e-12)
    }
}
