import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Dense factors against those of TensorFlow 1.7: statistics, inverses by both methods, powers, products, staleness.
///
/// As shipped, the original's `left_multiply` and `right_multiply` fail (they call a function that does not exist); for
/// those outputs the missing function was supplied.
@Suite struct SeedDenseFactorGoldenTests {
    static let convolutionGroup = "seed17_conv_input_factor"
    static let fullyConnectedGroup = "seed17_fully_connected_factor"
    static let convolutions = GoldenGroup.caseNames(convolutionGroup)
    static let fullyConnected = GoldenGroup.caseNames(fullyConnectedGroup)

    @Test func allCasesAreThere() {
        #expect(Self.convolutions.count == 8)
        #expect(Self.fullyConnected.count == 6)
    }

    @Test(arguments: convolutions) func convolutionInputs(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.convolutionGroup, case: name)
        let hasBias = try #require(ledger.golden.settings["has_bias"] as? Bool)
        let (geometry, prepare) = try ledger.golden.convolution()
        let filter = try #require(ledger.golden.integers("filter_shape"))
        let order = PatchOrder(filterShape: filter, hasBias: hasBias)
        let factor = ConvInputKroneckerFactor(
            channels: filter[2], geometry: geometry, hasBias: hasBias, settings: .tensorFlow17, dtype: ledger.dtype)
        try Self.replay(ledger, factor, order: order) { sources, decay in
            factor.update(inputs: sources.map(prepare), decay: decay)
        }

        let patches = Patches.rows(of: prepare(try ledger.take("step0_source0")), geometry: geometry, hasBias: false)
        try ledger.expectStatistic(patches.columns[0].transposed(), "patches_step0") {
            PatchOrder(filterShape: filter, hasBias: false).columns($0.reshaped([-1, $0.shape[3]]))
        }
        ledger.expectNothingLeft()
        #expect(ledger.comparedCount == 29)
    }

    @Test(arguments: fullyConnected) func fullyConnectedLayers(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.fullyConnectedGroup, case: name)
        let hasBias = try #require(ledger.golden.settings["has_bias"] as? Bool)
        let factor = FullyConnectedKroneckerFactor(
            features: try ledger.golden["step0_source0"].shape[1], hasBias: hasBias, settings: .tensorFlow17,
            dtype: ledger.dtype)
        try Self.replay(ledger, factor, order: nil) { sources, decay in factor.update(sources, decay: decay) }
        ledger.expectNothingLeft()
        #expect(ledger.comparedCount == 29)
    }

    /// Runs what the original ran, and compares at each point.
    static func replay(
        _ ledger: GoldenLedger, _ factor: InverseProvidingFactor, order: PatchOrder?,
        update: (_ sources: [Tensor], _ decay: Double) -> Void
    ) throws {
        let matrix: (Tensor) -> Tensor = { order?.matrix($0) ?? $0 }
        let rows: (Tensor) -> Tensor = { order?.rows($0) ?? $0 }
        let columns: (Tensor) -> Tensor = { order?.columns($0) ?? $0 }
        let dampings = try ledger.golden.numbers("dampings")
        let decay = try ledger.golden.number("ema_decay")

        try ledger.expectStatistic(factor.covariance, "cov_init", order: matrix)
        factor.registerDampedInverse(dampings[0])
        try ledger.expectStatistic(factor.dampedInverse(dampings[0]), "inv_init", order: matrix)
        var step = 0
        while ledger.has("step\(step)_source0") {
            update(try ledger.takeAll("step\(step)_source"), decay)
            try ledger.expectStatistic(factor.covariance, "cov_step\(step)", order: matrix)
            if step == 0 { try factor.updateInverses() }
            step += 1
        }
        // Inverses keep the statistics of their own last update.
        try ledger.expectInverse(factor.dampedInverse(dampings[0]), "inv_stale_after_cov_updates", order: matrix)

        // One registered inverse: by Cholesky. All of them, and powers: one eigendecomposition.
        try factor.updateInverses()
        try ledger.expectInverse(factor.dampedInverse(dampings[0]), "inv_cholesky_0", order: matrix)
        for (index, damping) in dampings.enumerated() {
            if index > 0 {
                try ledger.expectInverse(factor.inverse(damping: damping), "inv_cholesky_\(index)", order: matrix)
            }
            factor.registerDampedInverse(damping)
        }
        let powers = try #require(ledger.golden.settings["matpowers"] as? [[Double]])
        for power in powers { factor.registerMatrixPower(power[0], damping: power[1]) }
        try factor.updateInverses()
        for (index, damping) in dampings.enumerated() {
            try ledger.expectInverse(factor.dampedInverse(damping), "inv_eig_\(index)", order: matrix)
        }
        for (index, power) in powers.enumerated() {
            try ledger.expectInverse(
                factor.matrixPower(power[0], damping: power[1]), "matpower_\(index)", order: matrix)
        }

        // Eigenvectors are unique up to sign and rotation: compare what they compose.
        let (values, vectors) = try factor.eigendecomposition()
        try ledger.expectInverse(values, "eigenvalues_clipped")
        let (originalValues, original) = (
            try ledger.golden["eigenvalues_clipped"], rows(try ledger.take("eigenvectors"))
        )
        expectClose(
            (vectors * values).matmul(vectors.transposed()),
            (original * originalValues).matmul(original.transposed()),
            relative: GoldenTolerance.inverses(ledger.dtype), absolute: GoldenTolerance.inverses(ledger.dtype))
        ledger.countComparison(of: "eigenvectors")

        let (left, right) = (rows(try ledger.take("x_left")), columns(try ledger.take("x_right")))
        for (index, damping) in dampings.enumerated() {
            try ledger.expectStatistic(
                factor.leftMultiply(left, damping: damping), "left_multiply_\(index)", order: rows)
            try ledger.expectStatistic(
                factor.rightMultiply(right, damping: damping), "right_multiply_\(index)", order: columns)
            try ledger.expectInverse(
                factor.leftMultiplyInverse(left, damping: damping), "left_multiply_inverse_\(index)", order: rows)
            try ledger.expectInverse(
                factor.rightMultiplyInverse(right, damping: damping), "right_multiply_inverse_\(index)", order: columns)
        }
    }
}
