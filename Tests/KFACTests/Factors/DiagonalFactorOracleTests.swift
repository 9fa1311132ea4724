import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Exact diagonals (and the factors of scales and shifts) against per-example gradients by automatic differentiation.
@Suite struct DiagonalFactorOracleTests {
    @Test(arguments: [true, false]) func convolutionsOfAllKinds(hasBias: Bool) {
        for seed in 0..<60 {
            let layer = RandomConvolution(seed: seed)
            let factor = ConvDiagonalFactor(
                inputs: layer.inputs, outputs: layer.outputs, geometry: layer.geometry, hasBias: hasBias,
                dtype: .float64)
            let sources = (0..<2).map { source in
                (0..<2).map { layer.outputGradient(seed: UInt64(100 * seed + 10 * source + $0)) }
            }
            let inputs = [layer.input, randomTensor(layer.input.shape, seed: 55)]
            factor.update(inputs: inputs, outputGradients: sources, decay: 0.9)
            let expected = sources.map { uses in
                exampleGradients(
                    uses: Array(zip(inputs, uses)), parameters: [layer.weight] + (hasBias ? [layer.bias] : []),
                    layer: layer.callAsFunction
                ).squared().mean(0)
            }
            expectClose(
                factor.diagonal, expected[0] + expected[1], relative: 1e-10, absolute: 1e-12,
                "\(layer.geometry), \(layer.inputs) to \(layer.outputs)")
        }
    }

    @Test(arguments: [[], [4], [2, 3]], [true, false])
    func fullyConnectedLayersAtSeveralPositions(positions: [Int], hasBias: Bool) {
        let inputs = (1...2).map { randomTensor([5] + positions + [3], seed: $0) }
        let sources = (0..<2).map { source in
            (0..<2).map { randomTensor([5] + positions + [2], seed: UInt64(10 + 2 * source + $0)) }
        }
        for useCount in 1...2 {
            let factor = FullyConnectedDiagonalFactor(inputs: 3, outputs: 2, hasBias: hasBias, dtype: .float64)
            let used = Array(inputs.prefix(useCount))
            let gradients = sources.map { Array($0.prefix(useCount)) }
            factor.update(inputs: used, outputGradients: gradients, decay: 0.9)
            let parameters = [randomTensor([2, 3]), randomTensor([2])]
            let expected = gradients.map { uses in
                exampleGradients(uses: Array(zip(used, uses)), parameters: Array(parameters.prefix(hasBias ? 2 : 1))) {
                    linear($0, weight: $1[0], bias: hasBias ? $1[1] : nil)
                }.squared().mean(0)
            }
            expectClose(factor.diagonal, expected[0] + expected[1], relative: 1e-10, absolute: 1e-12)
        }
    }

    @Test func examplesAtATimeDoNotMatter() {
        let gradients = PerExampleGradients(
            left: randomTensor([5, 2, 3, 4]), right: randomTensor([5, 2, 6, 4], seed: 2))
        let whole = gradients.meanSquare()
        for limit in [1, 80, 1000] {
            expectClose(gradients.meanSquare(elementLimit: limit), whole, relative: 1e-12)
        }
    }

    @Test(arguments: [([1], [4, 3, 5]), ([1, 2], [4, 3, 5]), ([3], [4, 2, 3, 5]), ([1], [4, 3])])
    func scalesAndShifts(axes: [Int], shape: [Int]) throws {
        let extents = axes.map { shape[$0] }
        let count = extents.reduce(1, *)
        let inputs = (1...2).map { randomTensor(shape, seed: $0) }
        let sources = (0..<2).map { source in (0..<2).map { randomTensor(shape, seed: UInt64(5 + 2 * source + $0)) } }
        let gradients = sources.map { uses in
            exampleGradients(
                uses: Array(zip(inputs, uses)), parameters: [randomTensor(extents), randomTensor(extents)]
            ) { scaleAndShift($0, scale: $1[0], shift: $1[1], axes: axes) }
        }
        let moments = gradients.map { $0.transposed().matmul($0) / 4 }
        let moment = moments[0] + moments[1]

        let full = ScaleAndShiftFullFactor(count: count, axes: axes, dtype: .float64)
        full.update(inputs: inputs, outputGradients: sources, decay: 0.5)
        expectClose(full.covariance, moment, relative: 1e-10, absolute: 1e-12)

        let diagonal = ScaleAndShiftDiagonalFactor(count: count, axes: axes, dtype: .float64)
        diagonal.update(inputs: inputs, outputGradients: sources, decay: 0.5)
        expectClose(diagonal.diagonal, moment.diagonal(), relative: 1e-10, absolute: 1e-12)

        // Unit by unit: the full matrix without what couples different units.
        let unitwise = ScaleAndShiftUnitwiseFactor(count: count, axes: axes, dtype: .float64)
        unitwise.update(inputs: inputs, outputGradients: sources, decay: 0.5)
        let identity = Tensor.identity(count, dtype: .float64)
        let mask = kroneckerProduct(Tensor.ones([2, 2], dtype: .float64), identity)
        expectClose(unitwise.average.dense(), moment * mask, relative: 1e-10, absolute: 1e-12)
        expectClose(
            try unitwise.inverseOperator(damping: 0.2).dense(),
            try (moment * mask + Tensor.identity(2 * count, dtype: .float64) * 0.2).inverse(), relative: 1e-9,
            absolute: 1e-11)

        let scalesOnly = ScaleAndShiftDiagonalFactor(count: count, axes: axes, hasShift: false, dtype: .float64)
        scalesOnly.update(inputs: inputs, outputGradients: sources, decay: 0.5)
        expectClose(scalesOnly.diagonal, moment.diagonal()[0..<count], relative: 1e-10, absolute: 1e-12)
    }

    /// Neither of the naive factors sees examples: their mean over draws of independent signs is that of the exact one.
    @Test func naiveFactorsAreUnbiased() {
        let gradients = randomTensor([3, 4])
        let exact = gradients.transposed().matmul(gradients) / 3
        let full = NaiveFullFactor(dimension: 4, dtype: .float64)
        let diagonal = NaiveDiagonalFactor(dimension: 4, dtype: .float64)
        // All combinations of the examples' signs, so that the mean is exact.
        for signs in 0..<8 {
            let sign = Tensor((0..<3).map { signs >> $0 & 1 == 0 ? 1.0 : -1 }, shape: [3, 1])
            let sum = (gradients * sign).sum(0)
            let parameters = [[sum[0..<1], sum[1..<4].reshaped([3, 1])]]
            full.update(gradients: parameters, batchSize: 3, decay: 1)
            diagonal.update(gradients: parameters, batchSize: 3, decay: 1)
        }
        expectClose(full.covariance, exact, relative: 1e-10, absolute: 1e-12)
        expectClose(diagonal.diagonal, exact.diagonal(), relative: 1e-10, absolute: 1e-12)
    }
}
