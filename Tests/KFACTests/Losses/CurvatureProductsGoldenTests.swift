import KFAC
import TestSupport
import Testing
import Torch

/// Products against those of TensorFlow 1.7 and of kfac 0.2.4.
@Suite struct CurvatureProductsGoldenTests {
    static let seed = "seed17_curvature_products"
    static let seedCases = GoldenGroup.caseNames(seed)
    static let weighted = "kfac024_products_with_coefficients"

    @Test func allCasesAreThere() throws {
        #expect(Self.seedCases == ["mlp_tanh_categorical", "mlp_tanh_normal", "mlp_tanh_onehot_categorical"])
        #expect(GoldenGroup.caseNames(Self.weighted) == ["two_losses"])
        let (seed, weighted) = (try GoldenGroup(Self.seed), try GoldenGroup(Self.weighted))
        #expect(try Self.seedCases.map { try seed.case($0).tensors.count } == [19, 23, 23])
        #expect(try weighted.case("two_losses").tensors.count == 14)
    }

    @Test(arguments: seedCases) func productsAreTheOriginals(_ name: String) throws {
        let golden = try GoldenGroup(Self.seed).case(name)
        let parameters = try ["W1", "b1", "W2", "b2"].map { try golden[$0].copy().requiringGradient() }
        let hidden = (try golden["x"].matmul(parameters[0]) + parameters[1]).tanh()
        let output = hidden.matmul(parameters[2]) + parameters[3]
        // The variance is the original's default, as its Fisher product shows.
        let distribution: any PredictiveDistribution =
            name == "mlp_tanh_normal" ? Normal(mean: output, variance: 0.5) : Categorical(logits: output)
        let products = CurvatureProducts(Loss(distribution, targets: try golden["targets"]), parameters: parameters)
        let vector = try (0..<4).map { try golden["vector_\($0)"] }
        var compared: Set = ["W1", "b1", "W2", "b2", "x", "targets", "vector_0", "vector_1", "vector_2", "vector_3"]
        func expect(_ values: [Tensor], _ names: [String]) throws {
            compared.formUnion(names)
            for (value, name) in zip(values, names) {
                expectClose(value, try golden[name], relative: 1e-6, absolute: 1e-8, name)
            }
        }
        try expect(products.product(of: .fisher, with: vector), (0..<4).map { "fisher_\($0)" })
        try expect(products.product(of: .ggn, with: vector), (0..<4).map { "ggn_\($0)" })
        try expect(products.factorTransposedProduct(of: .fisher, with: vector), ["fisher_factor_transpose"])
        if name != "mlp_tanh_categorical" {
            try expect(products.hessianProduct(with: vector), (0..<4).map { "hessian_\($0)" })
        }
        #expect(compared == Set(golden.tensors.keys))
    }

    /// TensorFlow refuses the Hessian of its loss with integer targets, whose operation has no second derivative.
    ///
    /// It is that of one-hot targets, of which there are values.
    @Test func hessianWithIntegerTargetsIsThatOfOneHotTargets() throws {
        let golden = try GoldenGroup(Self.seed).case("mlp_tanh_onehot_categorical")
        let parameters = try ["W1", "b1", "W2", "b2"].map { try golden[$0].copy().requiringGradient() }
        let hidden = (try golden["x"].matmul(parameters[0]) + parameters[1]).tanh()
        let classes = try golden["targets"].to(.float64).argmax()
        let loss = Loss(Categorical(logits: hidden.matmul(parameters[2]) + parameters[3]), targets: classes)
        let vector = try (0..<4).map { try golden["vector_\($0)"] }
        let hessian = CurvatureProducts(loss, parameters: parameters).hessianProduct(with: vector)
        for index in 0..<4 { expectClose(hessian[index], try golden["hessian_\(index)"], relative: 1e-6) }
    }

    /// The original's total loss fails with weights (`total_loss_error` in the case); here it is the weighted sum.
    @Test func weightedLossesGiveTheSuccessorsProducts() throws {
        let golden = try GoldenGroup(Self.weighted).case("two_losses")
        #expect(golden.settings["total_loss_error"] as? String == "TypeError")
        let weights = try golden.numbers("coefficients")
        let parameters = try ["W", "b", "W2"].map { try golden[$0].copy().requiringGradient() }
        let output = (try golden["x"].matmul(parameters[0]) + parameters[1]).tanh().matmul(parameters[2])
        let softmax = Loss(Categorical(logits: output), targets: try golden["targets_softmax"])
        let squared = Loss(Normal(mean: output.tanh(), variance: 0.5), targets: try golden["targets_squared"])
        let loss = weights[0] * softmax + weights[1] * squared
        let products = CurvatureProducts(loss, parameters: parameters)
        let vector = try (0..<3).map { try golden["vector_\($0)"] }
        let fisher = products.product(of: .fisher, with: vector)
        for index in 0..<3 { expectClose(fisher[index], try golden["fisher_\(index)"], relative: 1e-6, absolute: 1e-8) }
        let transposed = products.factorTransposedProduct(of: .fisher, with: vector)
        for index in 0..<2 {
            expectClose(transposed[index], try golden["factor_transpose_\(index)"], relative: 1e-6, absolute: 1e-8)
        }
        let total = softmax.perExample.sum() * weights[0] + squared.perExample.sum() * weights[1]
        expectClose(loss.perExample.sum(), total, relative: 1e-14)
        let compared: Set = [
            "W", "b", "W2", "x", "targets_softmax", "targets_squared", "vector_0", "vector_1", "vector_2", "fisher_0",
            "fisher_1", "fisher_2", "factor_transpose_0", "factor_transpose_1",
        ]
        #expect(compared == Set(golden.tensors.keys))
    }
}
