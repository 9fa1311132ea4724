import Foundation
import TestSupport
import Testing
import Torch

@testable import FirstOrder
@testable import Optimization

/// KL-Shampoo and KL-SOAP step by step against a program with explicit inverses (`Golden/kl_methods.py`).
@Suite struct KLShampooGoldenTests {
    static let group = "kl_methods"
    static let names = ["weight", "bias", "kernel", "wide"]

    @Test func thereAreAllCases() {
        #expect(GoldenGroup.caseNames(Self.group) { $0 != "inputs" }.count == 7)
    }

    @Test(arguments: GoldenGroup.caseNames(group) { $0 != "inputs" }, [DType.float64, .float32])
    func parametersAtEachStep(name: String, dtype: DType) throws {
        let golden = try GoldenGroup(Self.group)
        let (inputs, expected) = (try golden.case("inputs"), try golden.case(name))
        let parameters = try Self.names.map {
            NamedParameter($0, try inputs["start_\($0)"].to(dtype).copy().requiringGradient())
        }
        let optimizer = KLShampoo(parameters, configuration: try configuration(expected))
        let tolerance = dtype == .float64 ? 1e-9 : 2e-3
        for step in 0..<Int(try inputs.number("steps")) {
            let gradients = try Self.names.map { try inputs["step\(step)_gradient_\($0)"].to(dtype) }
            try optimizer.step { linearLoss(parameters, gradients: gradients) }
            for parameter in parameters {
                expectClose(
                    parameter.tensor.to(.float64), try expected["step\(step)_\(parameter.name)"], relative: tolerance,
                    absolute: tolerance, "\(parameter.name) after step \(step)")
            }
        }
    }

    private func configuration(_ golden: GoldenCase) throws -> KLShampoo.Configuration {
        let settings = golden.settings
        func number(_ name: String) -> Double? { (settings[name] as? NSNumber)?.doubleValue }
        func text(_ name: String) -> String? { settings[name] as? String }
        return KLShampoo.Configuration(
            learningRate: .linear(from: 0.1, to: 0, steps: 20),
            scaling: try #require(KLShampoo.Scaling(rawValue: text("scaling") ?? "eigenvalues")),
            beta1: 0.9, beta2: number("beta2") ?? 0.95, momentDecay: number("moment_decay"),
            epsilon: number("epsilon") ?? 1e-8, initialEigenvalue: number("initial_eigenvalue") ?? 0.1,
            weightDecay: number("weight_decay") ?? 0, period: Int(number("period") ?? 3),
            kernels: try #require(KernelView(rawValue: text("view") ?? "matrix")),
            maximumExtent: Int(number("maximum") ?? 100))
    }

    /// Of gradients from a normal distribution with the covariance A ⊗ B, both are found, up to a factor that they
    /// share: the bias that Shampoo's moments have is gone.
    @Test func covariancesAreFound() throws {
        let (rows, columns) = (3, 4)
        let a = randomPositiveDefinite(rows, seed: 1)
        let b = randomPositiveDefinite(columns, seed: 2)
        let (left, right) = (try a.dampedCholesky(0), try b.dampedCholesky(0))
        let weight = Tensor.zeros([rows, columns], dtype: .float64).requiringGradient()
        let rule = KLShampooRule(
            [NamedParameter("weight", weight)],
            .init(learningRate: 0, momentDecay: 0.9995, initialEigenvalue: 1, period: 5))
        var generator = RandomGenerator(seed: 3)
        var report = StepReport(step: 0, lossTensor: Tensor(0), learningRate: 0, momentum: 0)
        for step in 0..<12_000 {
            let noise = generator.normal([rows, columns], dtype: .float64)
            try withoutGradients {
                try rule.update([left.matmul(noise).matmul(right.transposed())], step: step, report: &report)
            }
        }
        let sides = try rule.memory[0].sides.map { try #require($0) }
        func normalized(_ x: Tensor) -> Tensor { x / x.trace().scalar }
        for (side, exact) in zip(sides, [a, b]) {
            expectClose(normalized(side.moment), normalized(exact), relative: 0.1, absolute: 0.03)
            let basis = try #require(side.basis)
            let diagonal = (basis * normalized(exact).matmul(basis)).sum(0)
            expectClose(side.values / side.values.sum(), diagonal, relative: 0.15, absolute: 0.02)
        }
        let scale = sides[0].values.mean().scalar * sides[1].values.mean().scalar
        let exact = a.trace().scalar / 3 * b.trace().scalar / 4
        #expect(abs(scale / exact - 1) < 0.1)
    }
}
