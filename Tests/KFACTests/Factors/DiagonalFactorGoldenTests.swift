import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Diagonal and full factors against those of TensorFlow 1.7.
///
/// The original stores a matrix with inputs in rows, kernel positions before channels, the bias in the last row; here
/// the order is that of the parameters, so each tensor of the original is brought into it.
@Suite struct DiagonalFactorGoldenTests {
    static let group = "seed17_diagonal_and_full_factors"
    static let cases = GoldenGroup.caseNames(group)

    @Test func allCasesAreThere() { #expect(Self.cases.count == 12) }

    @Test(arguments: cases) func replaysTheOriginal(_ name: String) throws {
        let ledger = try GoldenLedger(group: Self.group, case: name)
        if name.hasPrefix("full_") {
            try full(ledger)
        } else if name.hasPrefix("naive") {
            try naiveDiagonal(ledger)
        } else {
            try layerDiagonal(ledger, isConvolution: name.hasPrefix("conv"))
        }
        ledger.expectNothingLeft()
    }

    private func full(_ ledger: GoldenLedger) throws {
        let factor = NaiveFullFactor(dimension: 9, settings: .tensorFlow17, dtype: ledger.dtype)
        let gradients = [[try ledger.take("grad_w"), try ledger.take("grad_b")]]
        try ledger.expectStatistic(factor.covariance, "cov_init")
        for step in 0..<2 {
            factor.update(
                gradients: gradients, batchSize: Int(try ledger.golden.number("batch_size")),
                decay: try ledger.golden.number("ema_decay"))
            try ledger.expectStatistic(factor.covariance, "cov_step\(step)")
        }
        try ledger.expectStatistic(factor.average.dense(), "get_cov")
    }

    private func naiveDiagonal(_ ledger: GoldenLedger) throws {
        let factor = NaiveDiagonalFactor(dimension: 9, settings: .tensorFlow17, dtype: ledger.dtype)
        let gradients = [[try ledger.take("grad_w"), try ledger.take("grad_b")]]
        let order: (Tensor) -> Tensor = { $0.flattened() }
        try replay(ledger, factor, order: order) { decay in
            factor.update(
                gradients: gradients, batchSize: Int(try ledger.golden.number("batch_size")), decay: decay)
        }
    }

    private func layerDiagonal(_ ledger: GoldenLedger, isConvolution: Bool) throws {
        let hasBias = try #require(ledger.golden.settings["has_bias"] as? Bool)
        let inputs = try ledger.take("inputs")
        let gradients = try ledger.takeAll("outputs_grads_")
        #expect(gradients.count == 2)
        if isConvolution {
            let (geometry, prepare) = try ledger.golden.convolution()
            let filter = try #require(ledger.golden.integers("filter_shape"))
            let factor = ConvDiagonalFactor(
                inputs: filter[2], outputs: filter[3], geometry: geometry, hasBias: hasBias, settings: .tensorFlow17,
                dtype: ledger.dtype)
            let patches = PatchOrder(filterShape: filter, hasBias: hasBias)
            let order: (Tensor) -> Tensor = { parameterOrder(patches.rows($0), hasBias: hasBias) }
            try replay(ledger, factor, order: order) { decay in
                factor.update(
                    inputs: [prepare(inputs)], outputGradients: gradients.map { [$0.permuted(0, 3, 1, 2)] },
                    decay: decay)
            }
        } else {
            let factor = FullyConnectedDiagonalFactor(
                inputs: inputs.shape[1], outputs: gradients[0].shape[1], hasBias: hasBias, settings: .tensorFlow17,
                dtype: ledger.dtype)
            let order: (Tensor) -> Tensor = { parameterOrder($0, hasBias: hasBias) }
            try replay(ledger, factor, order: order) { decay in
                factor.update(inputs: [inputs], outputGradients: gradients.map { [$0] }, decay: decay)
            }
        }
    }

    /// [inputs (+ 1), outputs] as the weight's [outputs, inputs] and the bias's [outputs] behind one another.
    private func parameterOrder(_ x: Tensor, hasBias: Bool) -> Tensor {
        guard hasBias else { return x.transposed().flattened() }
        let inputs = x.shape[0] - 1
        return Tensor.concatenate([x[0..<inputs].transposed().flattened(), x[inputs]])
    }

    private func replay(
        _ ledger: GoldenLedger, _ factor: DiagonalFactor, order: (Tensor) -> Tensor, update: (Double) throws -> Void
    ) throws {
        try ledger.expectStatistic(factor.diagonal, "cov_init", order: order)
        for step in 0..<2 {
            try update(try ledger.golden.number("ema_decay"))
            try ledger.expectStatistic(factor.diagonal, "cov_step\(step)", order: order)
        }
        try ledger.expectStatistic(factor.average.dense(), "get_cov") { matrix in
            let shape = try! ledger.golden["cov_init"].shape
            return order(matrix.diagonal().reshaped(shape)).diagonalMatrix()
        }

        let damping = try ledger.golden.number("damping")
        let x = order(try ledger.take("x_left")).expanded(at: 1)
        func column(_ x: Tensor) -> Tensor { order(x).expanded(at: 1) }
        try ledger.expectStatistic(factor.leftMultiply(x, damping: damping), "left_multiply", order: column)
        // Registering and updating are not needed, and do nothing.
        factor.registerDampedInverse(damping)
        try factor.updateInverses()
        try ledger.expectInverse(
            factor.leftMultiplyInverse(x, damping: damping), "left_multiply_inverse", order: column)
    }
}
