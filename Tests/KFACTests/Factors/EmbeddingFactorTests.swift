import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Counts of indices against one-hot vectors, and products with row-sparse and dense gradients.
///
/// The original's factor refused dense gradients (a check of shapes that could not hold).
@Suite struct EmbeddingFactorTests {
    static let ids = Tensor([2, 0, 2, 4, 1, 2], shape: [3, 2])

    @Test(arguments: [true, false]) func countsAreSecondMomentsOfOneHotVectors(hasBias: Bool) {
        let counted = DiagonalKroneckerFactor(features: 5, hasBias: hasBias, dtype: .float64)
        counted.update(indices: [Self.ids, Self.ids[0...0]], decay: 0.9)
        let oneHot = [Self.ids, Self.ids[0...0]].map { $0.oneHot(classes: 5).to(.float64) }
        let squared = DiagonalKroneckerFactor(features: 5, hasBias: hasBias, dtype: .float64)
        squared.update(uses: [oneHot], decay: 0.9)
        let dense = FullyConnectedKroneckerFactor(features: 5, hasBias: hasBias, dtype: .float64)
        dense.update(uses: [oneHot], decay: 0.9)
        expectClose(counted.diagonal, squared.diagonal, relative: 1e-12)
        expectClose(counted.diagonal, dense.covariance.diagonal(), relative: 1e-12)
        if !hasBias { expectClose(counted.average.dense(), dense.covariance, relative: 1e-12) }
    }

    /// Of a bag of words, the divisor is the number of bags, and a repeated word counts each time.
    @Test func bagsOfIndices() {
        let factor = DiagonalKroneckerFactor(features: 5, dtype: .float64)
        factor.update(indices: [Self.ids], indicesPerRow: 2, decay: 0.9)
        expectClose(factor.diagonal, Tensor([1.0, 1, 3, 0, 1]) / 3)
    }

    @Test func rowSparseAndDenseGradientsGiveTheSame() throws {
        let factor = DiagonalKroneckerFactor(features: 5, dtype: .float64)
        factor.update(indices: [Self.ids], decay: 0.9)
        let gradient = RowSparse(
            values: randomTensor([3, 4]), indices: Tensor([2, 4, 2]), rowCount: 5)
        expectClose(
            factor.leftMultiply(gradient, damping: 0.1).dense(), factor.leftMultiply(gradient.dense(), damping: 0.1),
            relative: 1e-12)
        expectClose(
            try factor.leftMultiplyInverse(gradient, damping: 0.1).dense(),
            try factor.leftMultiplyInverse(gradient.dense(), damping: 0.1), relative: 1e-12)
        let outputs = FullyConnectedKroneckerFactor(features: 4, dtype: .float64)
        outputs.update([randomTensor([3, 4], seed: 9)], decay: 0.9)
        outputs.registerDampedInverse(0.1)
        outputs.registerMatrixPower(-0.5, damping: 0.1)
        try outputs.updateInverses()
        expectClose(
            try outputs.rightMultiplyInverse(gradient, damping: 0.1).dense(),
            try outputs.rightMultiplyInverse(gradient.dense(), damping: 0.1), relative: 1e-12)
        expectClose(
            try outputs.rightMultiply(gradient, power: -0.5, damping: 0.1).dense(),
            try outputs.rightMultiply(gradient.dense(), power: -0.5, damping: 0.1), relative: 1e-12)
        // A class that never occurred has no curvature.
        #expect(throws: FactorError.self) { try factor.leftMultiplyInverse(gradient.dense(), damping: 0) }
    }
}
