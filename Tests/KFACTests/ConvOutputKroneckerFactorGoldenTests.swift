import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// `ConvOutputKroneckerFactor` against the class of that name in TensorFlow 1.7.
@Suite struct ConvOutputKroneckerFactorGoldenTests {
    static let group = "seed17_conv_output_factor"
    static let replays = GoldenGroup.caseNames(group) { !$0.hasPrefix("indexed") }

    @Test func allCasesAreThere() throws {
        #expect(Self.replays.count == 14)
    }

    @Test(arguments: replays) func replaysTheOriginal(_ name: String) throws {
        let golden = try GoldenGroup(Self.group).case(name)
        let dtype = try golden["cov_init"].dtype
        let zeroDebias = golden.settings["zero_debias"] as? Bool ?? false
        let startsAtZero = golden.settings["init_covariances_at_zero"] as? Bool ?? false
        var settings = FactorSettings.tensorFlow17
        settings.averaging = zeroDebias ? .zeroDebiased : .exponential
        settings.start = startsAtZero ? .zeros : .identity

        let factor = ConvOutputKroneckerFactor(outputGradients: golden.sources(step: 0), settings: settings)
        let dampings = try golden.numbers("dampings")
        func expectStatistics(_ value: Tensor, _ name: String) throws {
            let tolerance = GoldenTolerance.statistics(dtype)
            expectClose(value, try golden[name], relative: tolerance, absolute: tolerance * 1e-2, name)
        }
        func expectInverse(_ value: Tensor, _ name: String) throws {
            let expected = try golden[name]
            let tolerance = GoldenTolerance.inverses(dtype)
            let scale = expected.abs().max().scalar
            expectClose(value, expected, relative: tolerance, absolute: tolerance * Swift.max(scale, 1e-12), name)
        }

        try expectStatistics(factor.covariance, "cov_init")
        factor.registerDampedInverse(dampings[0])
        try expectStatistics(factor.dampedInverse(dampings[0]), "inv_init")
        for step in 0..<golden.stepCount {
            let decay = try golden.number("ema_decay")
            factor.update(outputGradients: golden.sources(step: step), decay: decay)
            try expectStatistics(factor.covariance, "cov_step\(step)")
            if step == 0 { try factor.updateInverses() }
        }
        // Inverses keep the statistics of their own last update.
        if golden.tensors["inv_stale_after_cov_updates"] != nil {
            try expectStatistics(factor.dampedInverse(dampings[0]), "inv_stale_after_cov_updates")
        }

        // One registered inverse: the Cholesky path. All of them: one eigendecomposition.
        try factor.updateInverses()
        try expectInverse(factor.dampedInverse(dampings[0]), "inv_cholesky_0")
        for (index, damping) in dampings.enumerated() {
            try expectInverse(factor.inverse(damping: damping), "inv_cholesky_\(index)")
            factor.registerDampedInverse(damping)
        }
        let powers = try #require(golden.settings["matpowers"] as? [[Double]])
        for power in powers { factor.registerMatrixPower(power[0], damping: power[1]) }
        try factor.updateInverses()
        for (index, damping) in dampings.enumerated() {
            try expectInverse(factor.dampedInverse(damping), "inv_eig_\(index)")
        }
        for (index, power) in powers.enumerated() {
            try expectInverse(factor.matrixPower(power[0], damping: power[1]), "matpower_\(index)")
        }

        // Eigenvectors are unique up to sign and rotation: compare what they compose.
        let (values, vectors) = try factor.eigendecomposition()
        try expectInverse(values, "eigenvalues_clipped")
        let original = try golden["eigenvectors"]
        expectClose(
            (vectors * values).matmul(vectors.transposed()),
            (original * (try golden["eigenvalues_clipped"])).matmul(original.transposed()),
            relative: GoldenTolerance.inverses(dtype), absolute: GoldenTolerance.inverses(dtype), "V diag(w) Vᵀ")

        let left = try golden["x_left"]
        let right = try golden["x_right"]
        for (index, damping) in dampings.enumerated() {
            try expectStatistics(factor.leftMultiply(left, damping: damping), "left_multiply_\(index)")
            try expectStatistics(factor.rightMultiply(right, damping: damping), "right_multiply_\(index)")
            try expectInverse(factor.leftMultiplyInverse(left, damping: damping), "left_multiply_inverse_\(index)")
            try expectInverse(factor.rightMultiplyInverse(right, damping: damping), "right_multiply_inverse_\(index)")
        }
    }

    @Test func multipliesRowSparseMatrices() throws {
        let golden = try GoldenGroup(Self.group).case("indexed_slices_right")
        let damping = try golden.numbers("dampings")[0]
        let factor = ConvOutputKroneckerFactor(outputGradients: golden.sources(step: 0), settings: .tensorFlow17)
        factor.registerDampedInverse(damping)
        factor.update(outputGradients: golden.sources(step: 0), decay: try golden.number("ema_decay"))
        expectClose(factor.covariance, try golden["cov_step0"], relative: 2e-4)
        try factor.updateInverses()

        let shape = try golden["right_multiply_dense_shape"].array(of: Int.self)
        let x = RowSparse(
            values: try golden["slice_values"], indices: try golden["slice_indices"].to(.int64), rowCount: shape[0])
        let product = factor.rightMultiply(x, damping: damping)
        #expect(product.shape == shape)
        expectClose(product.values, try golden["right_multiply_values"], relative: 2e-4)
        let inverse = try factor.rightMultiplyInverse(x, damping: damping)
        expectClose(inverse.values, try golden["right_multiply_inverse_values"], relative: 2e-3)
        expectClose(product.dense(), factor.rightMultiply(x.dense(), damping: damping), relative: 2e-4)
    }
}
