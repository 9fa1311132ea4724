import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Factors that only the successor (kfac 0.2.4) has, its moving average and its patches.
@Suite struct SpecialFactorGoldenTests {
    static let group = "kfac024_special_factors"
    static let patchGroup = "kfac024_convolution_patches"
    static let uncorrelated = GoldenGroup.caseNames(group) { $0.hasPrefix("sua") }
    static let patches = GoldenGroup.caseNames(patchGroup)

    @Test func allCasesAreThere() {
        #expect(GoldenGroup.caseNames(Self.group).count == 7)
        #expect(Self.uncorrelated.count == 2)
        #expect(Self.patches.count == 3)
    }

    @Test func diagonalKronecker() throws {
        let ledger = try GoldenLedger(group: Self.group, case: "diagonal_kronecker_dense_bias")
        let factor = DiagonalKroneckerFactor(features: 3, hasBias: true, dtype: ledger.dtype)
        factor.update([try ledger.take("inputs")], decay: 0.9)
        try ledger.expectStatistic(factor.diagonal, "cov")
        ledger.expectNothingLeft()
    }

    /// The successor divides by the total weight or not; before the first update it divides zero by zero.
    @Test func movingAverage() throws {
        let ledger = try GoldenLedger(group: Self.group, case: "moving_average_variable")
        let values = try ledger.take("values").array(of: Double.self)
        let rates = try ledger.take("decay_weight")
        var average = MovingAverage(rule: .weighted, initialValue: .zeros([1], dtype: .float64))
        #expect(average.value.scalar == 0)
        var rows: [Tensor] = []
        for (index, value) in values.enumerated() {
            average.update(
                with: Tensor([value]), decay: rates[index, 0].scalar, weight: rates[index, 1].scalar)
            rows.append(Tensor.concatenate([average.value, average.value * average.totalWeight]))
        }
        try ledger.expectStatistic(Tensor.stack(rows), "normalised_and_plain")
        ledger.expectNothingLeft()
    }

    @Test(arguments: ["scale_shift_channel_diagonal", "scale_shift_layernorm_diagonal", "scale_shift_layernorm_full"])
    func scaleAndShift(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        let (x, ds) = (try ledger.take("inputs"), try ledger.take("outputs_grads"))
        let count = x.shape[x.rank - 1]
        let axes = [x.rank - 1]
        if name.hasSuffix("full") {
            let factor = ScaleAndShiftFullFactor(count: count, axes: axes, dtype: ledger.dtype)
            factor.update(inputs: [x], outputGradients: [[ds]], decay: 0.9)
            try ledger.expectStatistic(factor.covariance, "cov")
        } else if name.contains("channel") {
            // Channels are last in the original, first here.
            let factor = ScaleAndShiftDiagonalFactor(count: count, axes: [1], dtype: ledger.dtype)
            func channelsFirst(_ x: Tensor) -> Tensor { x.permuted(0, 3, 1, 2) }
            factor.update(inputs: [channelsFirst(x)], outputGradients: [[channelsFirst(ds)]], decay: 0.9)
            try ledger.expectStatistic(factor.diagonal, "cov")
        } else {
            let factor = ScaleAndShiftDiagonalFactor(count: count, axes: axes, dtype: ledger.dtype)
            factor.update(inputs: [x], outputGradients: [[ds]], decay: 0.9)
            try ledger.expectStatistic(factor.diagonal, "cov")
        }
        ledger.expectNothingLeft()
    }

    /// The successor's matrix has the channel slowest, which is the order of the weight *here*.
    ///
    /// Its own parameters have the channel fastest, and its blocks mix the two orders: a defect. The dense matrices
    /// themselves are as intended, and are compared. What it calls the assumption of zero mean subtracts the mean from
    /// the covariance and leaves it out.
    @Test(arguments: uncorrelated) func spatiallyUncorrelated(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        let settings = ledger.golden.settings
        let filter = try #require(ledger.golden.integers("filter_shape"))
        let factor = SpatiallyUncorrelatedConvInputFactor(
            channels: filter[2], kernel: Array(filter.dropLast(2)),
            hasBias: try #require(settings["has_bias"] as? Bool),
            mean: try #require(settings["assume_zero_mean_activations"] as? Bool) ? .dropped : .included,
            dtype: ledger.dtype)
        factor.update(inputs: [try ledger.take("x").permuted(0, 3, 1, 2)], decay: 0.9)
        let damping = try ledger.golden.number("damping")
        try ledger.expectStatistic(factor.channelCovariance, "cov")
        try ledger.expectStatistic(factor.average.dense(), "dense_cov")
        try ledger.expectStatistic(factor.average.damped(by: damping).dense(), "damped_cov")
        try ledger.expectInverse(factor.inverseOperator(damping: damping).dense(), "inverse")
        ledger.expectNothingLeft()
    }

    @Test(arguments: patches) func convolutionPatches(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.patchGroup, case: name)
        let (geometry, prepare) = try ledger.golden.convolution()
        let rank = geometry.spatialRank
        let filter = try ledger.take("filter")
        let x = prepare(try ledger.take("x"))
        let patches = Patches.rows(of: x, geometry: geometry, hasBias: false).columns[0]
        try ledger.expectStatistic(patches, "patches") { original in
            // [batch, locations..., kernel..., channels] to [channels, kernel..., batch, locations...].
            let order = [2 * rank + 1] + Array((rank + 1)...(2 * rank)) + Array(0...rank)
            return original.permuted(order).reshaped([patches.shape[0], -1])
        }
        let weight = filter.permuted([rank + 1, rank] + Array(0..<rank))
        try ledger.expectStatistic(convolution(x, weight: weight, geometry: geometry), "convolution") {
            $0.permuted([0, rank + 1] + Array(1...rank))
        }
        ledger.expectNothingLeft()
        #expect(ledger.comparedCount == 2)
    }
}
