import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Factored damping, and the damped inverse of a block against the solve with all its entries.
@Suite struct DampingTests {
    @Test(arguments: [(2.0, 3.0), (1e-8, 4.0), (5.0, 1e-12), (1e10, 1e10)])
    func balancesTheTraces(input: Double, output: Double) {
        let damping = FactoredDamping(damping: 0.3, inputMeanDiagonal: input, outputMeanDiagonal: output)
        expectClose(Tensor(damping.input * damping.output), Tensor(0.3), relative: 1e-12)
        expectClose(Tensor(damping.input / damping.output), Tensor(input / output), relative: 1e-12)
    }

    @Test(arguments: [(0.0, 1.0), (1.0, 0.0), (0.0, 0.0)]) func zeroTracesShareEvenly(input: Double, output: Double) {
        let damping = FactoredDamping(damping: 0.09, inputMeanDiagonal: input, outputMeanDiagonal: output)
        expectClose(Tensor([damping.input, damping.output]), Tensor([0.3, 0.3]), relative: 1e-14)
    }

    /// The solve with c · (G + d_G I) ⊗ (A + d_A I), from factors formed here.
    static func solve(
        inputs: Tensor, outputs: Tensor, locations: Double, damping: Double, _ gradients: [Tensor]
    ) throws -> [Tensor] {
        let (n, m) = (inputs.shape[0], outputs.shape[0])
        let ratio = (inputs.trace().scalar / Double(n)) / (outputs.trace().scalar / Double(m))
        let each = (damping / locations).squareRoot()
        let a = inputs + Tensor.identity(n, dtype: .float64) * (each * ratio.squareRoot())
        let g = outputs + Tensor.identity(m, dtype: .float64) * (each / ratio.squareRoot())
        let matrix = DenseFisher.matrix(gradients)
        let solution = try (kronecker(g, a) * locations).solve(matrix.reshaped([-1, 1])).reshaped(matrix.shape)
        guard gradients.count == 2 else { return [solution.reshaped(gradients[0].shape)] }
        return [solution[.all, 0..<(n - 1)].reshaped(gradients[0].shape), solution[.all, n - 1]]
    }

    @Test(arguments: [true, false], [[5], [4, 3]]) func dense(hasBias: Bool, batch: [Int]) throws {
        let layer = TestLayer([3, 2], hasBias: hasBias, seed: 1)
        let x = randomTensor(batch + [2], seed: 2)
        let target = randomTensor(batch + [3], seed: 3)
        let probe = try CurvatureProbe(layer.named("layer"), estimation: .empirical) {
            Loss(Normal(mean: layer(x), variance: 0.5), targets: target)
        }
        let values = layer.parameters.indices.map { randomTensor(layer.parameters[$0].shape, seed: 9 + UInt64($0)) }
        let expected = try withoutGradients {
            try Self.solve(
                inputs: meanSecondMoment(x, hasBias: hasBias), outputs: meanSecondMoment((layer(x) - target) / 0.5),
                locations: batch.count == 1 ? 1 : 3, damping: 0.2, values)
        }
        let result = try probe[0].preconditioned(values, damping: 0.2)
        #expect(result.count == values.count)
        for (a, b) in zip(result, expected) { expectClose(a, b, relative: 1e-10, absolute: 1e-13) }
    }

    @Test(arguments: [true, false], [[1], [2]]) func convolutionLayer(hasBias: Bool, stride: [Int]) throws {
        let geometry = ConvolutionGeometry(kernel: [3, 2], stride: stride, padding: [1])
        let layer = TestLayer([3, 2, 3, 2], hasBias: hasBias, seed: 1)
        let x = randomTensor([4, 2, 5, 4], seed: 2)
        func mean() -> Tensor { convolution(x, weight: layer.weight, bias: layer.bias, geometry: geometry) }
        let target = randomTensor(mean().shape, seed: 3)
        let probe = try CurvatureProbe(layer.named("layer"), estimation: .empirical) {
            Loss(Normal(mean: mean()), targets: target)
        }
        let values = layer.parameters.indices.map { randomTensor(layer.parameters[$0].shape, seed: 9 + UInt64($0)) }
        let expected = try withoutGradients {
            let (patches, count) = PatchStatisticsTests.definition(x, geometry, hasBias: hasBias)
            return try Self.solve(
                inputs: patches / Double(count), outputs: meanSecondMoment((mean() - target).permuted(0, 2, 3, 1)),
                locations: Double(count / 4), damping: 0.2, values)
        }
        let result = try probe[0].preconditioned(values, damping: 0.2)
        for (a, b) in zip(result, expected) { expectClose(a, b, relative: 1e-10, absolute: 1e-13) }
    }

    /// A layer that saw only zeros is damped as if its factors were equal.
    @Test func zeroInputs() throws {
        let layer = TestLayer([3, 2], hasBias: false, seed: 1)
        let probe = try CurvatureProbe(layer.named("layer")) {
            Loss(
                Normal(mean: layer(Tensor.zeros([4, 2], dtype: .float64))),
                targets: Tensor.zeros([4, 3], dtype: .float64))
        }
        let v = randomTensor([3, 2], seed: 5)
        // A = 0 and G = I: (0.3 I) ⊗ (1.3 I).
        expectClose(try probe[0].preconditioned([v], damping: 0.09)[0], v / (0.3 * 1.3), relative: 1e-12)
    }
}
