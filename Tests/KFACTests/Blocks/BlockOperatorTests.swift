import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Every block's operators against its own dense matrix.
@Suite struct BlockOperatorTests {
    @Test(arguments: BlockCase.allCases) func operatorsAgreeWithTheMatrix(_ name: BlockCase) throws {
        let probe = try name.probe()
        #expect(probe.count == 1)
        let block = probe[0]
        let curvature = try block.curvature(damping: 0.05)
        let matrix = curvature.dense()
        let dimension = block.parameters.reduce(0) { $0 + $1.tensor.count }
        #expect(curvature.dimension == dimension)
        #expect(matrix.shape == [dimension, dimension])
        expectClose(matrix, matrix.transposed(), relative: 1e-12, absolute: 1e-14)

        let x = randomTensor([dimension, 3], seed: 20)
        func expect(_ value: Tensor, _ expected: Tensor, _ what: String) {
            expectClose(value, expected, relative: 1e-8, absolute: 1e-9, "\(name): \(what)")
        }
        expect(curvature.apply(x), matrix.matmul(x), "product")
        let dense = DenseOperator(matrix)
        let inverse = try block.inverseCurvature(damping: 0.05)
        expect(inverse.apply(matrix.matmul(x)), x, "inverse")
        for exponent in [-1, 1, 0, 0.5, -0.5, 0.25, 2.0] {
            expect(try curvature.power(exponent).apply(x), try dense.power(exponent).apply(x), "power \(exponent)")
        }
        // A sample of N(0, F⁻¹) is L⁻ᵀ ε: its covariance L⁻ᵀ L⁻¹ must be F⁻¹.
        let factor = try curvature.choleskyFactor()
        expect(factor.apply(factor.applyTransposed(x)), matrix.matmul(x), "Cholesky factor")
        expect(try factor.solveTransposed(try factor.solve(x)), inverse.apply(x), "sampling")
        expect(Tensor(curvature.trace()), matrix.trace(), "trace")
        expect(
            Tensor(try curvature.logDeterminant()), try matrix.symmetricEigen().values.log().sum(), "log-determinant")
        expect(inverse.dense(), try matrix.inverse(), "dense inverse")
    }

    /// Vectors and tensors go into one another, and the matrix's coordinates are those of the vectors.
    @Test(arguments: BlockCase.allCases) func vectorsAndTensors(_ name: BlockCase) throws {
        let block = try name.probe(estimation: .empirical)[0]
        let tensors = block.parameters.enumerated().map {
            randomTensor($0.element.tensor.shape, seed: 30 + UInt64($0.offset))
        }
        let vector = block.vector(from: tensors)
        #expect(vector.shape == [tensors.reduce(0) { $0 + $1.count }, 1])
        let back = block.tensors(from: vector)
        #expect(back.count == tensors.count)
        for (a, b) in zip(back, tensors) { expectClose(a, b, relative: 0) }
    }

    @Test(arguments: [Approximation.TimeSeriesForm.symmetricLag, .longSeries], [true, false])
    func timeSeriesHaveAnInverseOnly(form: Approximation.TimeSeriesForm, inOneCall: Bool) throws {
        let layer = TestLayer([3, 2], seed: 1)
        let x = randomTensor([40, 6, 2], seed: 2)
        let probe = try CurvatureProbe(
            layer.named("layer"), estimation: .curvaturePropagation(draws: 10),
            choices: LayerChoices(kinds: [.linear: .timeSeries(form)])
        ) {
            let mean = inOneCall ? layer(x) : Tensor.stack((0..<6).map { layer(x[.all, $0]) }, axis: 1)
            return Loss(Normal(mean: mean.tanh()), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        let error = #expect(throws: LinearAlgebraError.self) { try probe[0].curvature(damping: 0.1) }
        #expect(error?.description.contains("only the inverse has a closed form") == true)
        let inverse = try probe[0].inverseCurvature(damping: 0.1)
        let matrix = inverse.dense()
        let x2 = randomTensor([9, 2], seed: 3)
        expectClose(inverse.apply(x2), matrix.matmul(x2), relative: 1e-10, absolute: 1e-12)
        expectClose(matrix, matrix.transposed(), relative: 1e-10, absolute: 1e-12)
        #expect(try matrix.symmetricEigen().values.min().scalar > 0)
        expectClose(try inverse.inverse().apply(inverse.apply(x2)), x2, relative: 1e-8, absolute: 1e-8)
        expectClose(try inverse.power(0.5).power(2).dense(), matrix, relative: 1e-8, absolute: 1e-8)
        expectClose(Tensor(inverse.trace()), matrix.trace(), relative: 1e-10)
        let factor = try inverse.choleskyFactor()
        expectClose(factor.apply(factor.applyTransposed(x2)), inverse.apply(x2), relative: 1e-8, absolute: 1e-8)
    }

    /// γ(x) against the original's quotient, and at x = 1, where that is 0/0, its limit 1/T².
    @Test(arguments: [1, 2, 3, 7]) func symmetricLagWithoutNaN(steps: Int) {
        let t = Double(steps)
        let x = [0, 0.2, 0.7, 0.99]
        let expected = x.map { x in
            (1 - x) * (1 - x) / (t * (1 - x * x) - 2 * x * (1 - (0..<steps).reduce(1.0) { product, _ in product * x }))
        }
        let values = TimeSeriesBlock.symmetricLagValues(
            Tensor(x + [1]), lagCounts: (0..<steps).map { Double(steps - $0) })
        expectClose(values, Tensor(expected + [1 / (t * t)]), relative: 1e-10)
    }
}
