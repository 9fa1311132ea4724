import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Dense factors against those of the successor (kfac 0.2.4): several sources and towers, weights, Cholesky factors.
@Suite struct SuccessorDenseFactorGoldenTests {
    static let group = "kfac024_dense_factors"
    static let cases = GoldenGroup.caseNames(group)

    @Test func allCasesAreThere() { #expect(Self.cases.count == 12) }

    @Test(arguments: cases) func replaysTheSuccessor(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        let settings = ledger.golden.settings
        let hasBias = settings["has_bias"] as? Bool ?? false
        let (decay, weight) = (try ledger.golden.number("decay"), try ledger.golden.number("weight"))
        let example = try ledger.golden["step0_source0_tower0"]
        let factor: InverseProvidingFactor
        let update: ([[Tensor]]) throws -> Void
        var order: PatchOrder?
        if name.hasPrefix("conv_input") {
            let (geometry, prepare) = try ledger.golden.convolution()
            order = PatchOrder(filterShape: try #require(ledger.golden.integers("filter_shape")), hasBias: hasBias)
            let inputs = ConvInputKroneckerFactor(
                channels: example.shape[3], geometry: geometry, hasBias: hasBias, dtype: ledger.dtype)
            factor = inputs
            update = { inputs.update(inputs: $0[0].map(prepare), decay: decay, weight: weight) }
        } else if name.hasPrefix("conv_output") {
            let outputs = ConvOutputKroneckerFactor(channels: example.shape[3], dtype: ledger.dtype)
            factor = outputs
            update = { sources in
                let channelsFirst = sources.map { $0.map { $0.permuted(0, 3, 1, 2) } }
                outputs.update(uses: channelsFirst, decay: decay, weight: weight)
            }
        } else {
            let layer = FullyConnectedKroneckerFactor(features: example.shape[1], hasBias: hasBias, dtype: ledger.dtype)
            factor = layer
            update = { layer.update(uses: $0, decay: decay, weight: weight) }
        }
        try replay(ledger, factor, order: order, update: update)
        ledger.expectNothingLeft()
    }

    private func replay(
        _ ledger: GoldenLedger, _ factor: InverseProvidingFactor, order: PatchOrder?,
        update: (_ sources: [[Tensor]]) throws -> Void
    ) throws {
        let matrix: (Tensor) -> Tensor = { order?.matrix($0) ?? $0 }
        let rows: (Tensor) -> Tensor = { order?.rows($0) ?? $0 }
        var step = 0
        while ledger.has("step\(step)_source0_tower0") {
            let sources = try (0...).lazy.map { "step\(step)_source\($0)_tower" }
                .prefix { ledger.has($0 + "0") }.map(ledger.takeAll)
            try update(Array(sources))
            try ledger.expectStatistic(factor.covariance, "cov_step\(step)", order: matrix)
            step += 1
        }
        try ledger.expectStatistic(
            Tensor(factor.movingAverage.totalWeight).to(ledger.dtype), "total_weight", order: { $0.reshaped([]) })

        let dampings = try ledger.golden.numbers("dampings")
        let powers = try #require(ledger.golden.settings["powers"] as? [[Double]])
        for damping in dampings {
            factor.registerMatrixPower(-1, damping: damping)
            factor.registerCholeskyFactor(damping: damping)
            factor.registerInverseCholeskyFactor(damping: damping)
        }
        // Three inverses, fewer than the threshold of four: by Cholesky. Then, because of the powers, in eigenbases.
        for usesPowers in [false, true] {
            if usesPowers { for power in powers { factor.registerMatrixPower(power[0], damping: power[1]) } }
            try factor.updateInverses()
            for (index, damping) in dampings.enumerated() {
                try ledger.expectInverse(
                    factor.matrixPower(-1, damping: damping), "inverse_\(index)", order: matrix)
            }
        }
        for (index, power) in powers.enumerated() {
            try ledger.expectInverse(
                factor.matrixPower(power[0], damping: power[1]), "matpower_\(index)", order: matrix)
        }
        for (index, damping) in dampings.enumerated() {
            let x = rows(try ledger.take("x_\(index)"))
            try ledger.expectStatistic(
                factor.leftMultiply(x, power: 1, damping: damping), "damped_cov_times_x_\(index)", order: rows)
            try expectCholesky(ledger, factor, index: index, damping: damping, order: order)
        }
    }

    /// A Cholesky factor depends on the order of the coordinates: in another one, compare what it is a factor of.
    private func expectCholesky(
        _ ledger: GoldenLedger, _ factor: InverseProvidingFactor, index: Int, damping: Double, order: PatchOrder?
    ) throws {
        let lower = try factor.choleskyFactor(damping: damping)
        let inverse = try factor.inverseCholeskyFactor(damping: damping)
        guard let order else {
            try ledger.expectInverse(lower, "cholesky_\(index)")
            try ledger.expectInverse(inverse, "cholesky_inverse_\(index)")
            return
        }
        let original = order.rows(try ledger.take("cholesky_\(index)"))
        let originalInverse = order.columns(try ledger.take("cholesky_inverse_\(index)"))
        for (ours, theirs) in [
            (lower.matmul(lower.transposed()), original.matmul(original.transposed())),
            (inverse.transposed().matmul(inverse), originalInverse.transposed().matmul(originalInverse)),
        ] {
            let tolerance = GoldenTolerance.inverses(ledger.dtype)
            expectClose(ours, theirs, relative: tolerance, absolute: tolerance * theirs.abs().max().scalar)
        }
        expectClose(lower, lower.lowerTriangle(), relative: 0, absolute: 0, "above the diagonal")
        ledger.countComparison(of: "cholesky_\(index)", "cholesky_inverse_\(index)")
    }
}
