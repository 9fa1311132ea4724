import KFAC
import TestSupport
import Testing
import Torch

/// The losses against those of TensorFlow 1.7.
@Suite struct LossGoldenTests {
    static let group = "seed17_losses"
    static let cases = GoldenGroup.caseNames(group)

    @Test func allCasesAreThere() throws {
        #expect(
            Self.cases == [
                "categorical_logits", "normal_mean_var0.3", "normal_mean_var0.5", "normal_mean_variance",
                "onehot_categorical_logits",
            ])
        let group = try GoldenGroup(Self.group)
        #expect(try Self.cases.map { try group.case($0).tensors.count }.reduce(0, +) == 47)
    }

    @Test(arguments: cases) func likelihoodAndFisherAreTheOriginals(_ name: String) throws {
        let golden = try GoldenGroup(Self.group).case(name)
        let parameters = ["param_0", "param_1"].compactMap { golden.tensors[$0] }
        let vectors = try parameters.indices.map { try golden["vector_\($0)"] }
        let distribution = try distribution(name, parameters, golden)
        let tolerance = GoldenTolerance.statistics(parameters[0].dtype)
        var compared = Set(parameters.indices.flatMap { ["param_\($0)", "vector_\($0)"] })
        compared.formUnion(["targets", "inner_vector"])
        func expect(_ value: Tensor, _ name: String) throws {
            compared.insert(name)
            expectClose(value, try golden[name], relative: tolerance, absolute: tolerance * 1e-2, name)
        }
        func joined(_ tensors: [Tensor]) -> Tensor { Tensor.concatenate(tensors, axis: -1) }

        let inner = try golden["inner_vector"]
        try expect(distribution.negativeLogLikelihood(of: golden["targets"]).sum(), "evaluate")
        try expect(joined(distribution.fisherProduct(vectors)), "multiply_fisher")
        try expect(joined(distribution.fisherFactorProduct(inner)), "multiply_fisher_factor")
        try expect(distribution.fisherFactorTransposedProduct(vectors), "multiply_fisher_factor_transpose")
        let columns = (0..<distribution.fisherRank).map { column in
            let unit = Tensor.zeros(like: inner)
            unit[.all, column].fill(1)
            return joined(distribution.fisherFactorProduct(unit))
        }
        #expect(inner.shape == [distribution.batchSize, distribution.fisherRank])
        try expect(Tensor.stack(columns, axis: 2), "factor_columns")
        #expect(compared == Set(golden.tensors.keys))
    }

    /// The original cannot build its loss with mean and variance in double precision (its `normal_mean_variance` is of
    /// single precision); here both types give the same.
    @Test func meanAndVarianceInDoublePrecision() throws {
        let golden = try GoldenGroup(Self.group).case("normal_mean_variance")
        let single = NormalMeanVariance(mean: try golden["param_0"], variance: try golden["param_1"])
        let double = NormalMeanVariance(mean: single.mean.to(.float64), variance: single.variance.to(.float64))
        let targets = try golden["targets"]
        let value = double.negativeLogLikelihood(of: targets)
        #expect(value.dtype == .float64)
        expectClose(single.negativeLogLikelihood(of: targets), value, relative: 1e-5)
        var generator = RandomGenerator(seed: 1)
        #expect(double.sample(using: &generator).dtype == .float64)
    }

    private func distribution(
        _ name: String, _ parameters: [Tensor], _ golden: GoldenCase
    ) throws -> any PredictiveDistribution {
        switch name {
        case "categorical_logits", "onehot_categorical_logits": return Categorical(logits: parameters[0])
        case "normal_mean_var0.3", "normal_mean_var0.5":
            return Normal(mean: parameters[0], variance: try golden.number("var"))
        case "normal_mean_variance": return NormalMeanVariance(mean: parameters[0], variance: parameters[1])
        default:
            Issue.record("there is no distribution for \(name)")
            return Categorical(logits: parameters[0])
        }
    }
}
