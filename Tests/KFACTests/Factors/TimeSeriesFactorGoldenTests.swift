import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The factor of time series against TensorFlow 1.7's.
///
/// Had one factor of the original both options registered, option 1 would have made the lag matrix symmetric for option
/// 2, too. Here both are registered, and each must have the values that the original gives it alone.
@Suite struct TimeSeriesFactorGoldenTests {
    static let group = "seed17_fully_connected_multi"
    static let cases = GoldenGroup.caseNames(group)

    @Test func allCasesAreThere() { #expect(Self.cases.count == 2) }

    @Test(arguments: cases, [0, 1, 2]) func replaysTheOriginal(_ name: String, form: Int) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        let steps = try ledger.takeAll("tensor_")
        #expect(steps.count == Int(try ledger.golden.number("timesteps")))
        let series =
            switch form {
            case 0: TimeSeries(steps: steps)
            case 1: TimeSeries(Tensor.stack(steps))
            default: TimeSeries(folded: Tensor.concatenate(steps), stepCount: steps.count)
            }
        let damping = try ledger.golden.number("damping")
        let factor = FullyConnectedMultiKroneckerFactor(
            features: steps[0].shape[1], hasBias: try #require(ledger.golden.settings["has_bias"] as? Bool),
            settings: .tensorFlow17, dtype: ledger.dtype)
        factor.registerSymmetricLag(damping: damping)
        factor.registerLongSeries(damping: damping)
        factor.update([series], decay: 0)
        try ledger.expectStatistic(factor.covariance, "cov")
        try ledger.expectStatistic(factor.lagCovariance, "cov_dt1")

        try factor.updateInverses()
        let first = try factor.symmetricLag(damping: damping)
        try ledger.expectInverse(first.values, "option1_psi")
        try expectSameColumns(ledger, first.basis, "option1_L")
        let second = try factor.longSeries(damping: damping)
        try ledger.expectInverse(second.transition, "option2_P")
        try ledger.expectInverse(second.values, "option2_mu")
        try expectSameColumns(ledger, second.basis, "option2_K")
        ledger.expectNothingLeft()
        #expect(ledger.comparedCount == 7)
    }

    /// Columns are unique up to their sign.
    private func expectSameColumns(_ ledger: GoldenLedger, _ value: Tensor, _ name: String) throws {
        let expected = try ledger.golden[name]
        let signs = (value * expected).sum(0).sign()
        try ledger.expectInverse(value * signs, name)
    }
}
