import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The spatially uncorrelated factor where its assumption holds: it is then the exact factor, in the exact order.
@Suite struct UncorrelatedFactorTests {
    private func exact(_ inputs: [Tensor], _ geometry: ConvolutionGeometry, hasBias: Bool) -> Tensor {
        let factor = ConvInputKroneckerFactor(
            channels: inputs[0].shape[1], geometry: geometry, hasBias: hasBias, dtype: .float64)
        factor.update(inputs: inputs, decay: 0.9)
        return factor.covariance
    }

    @Test(arguments: [true, false]) func pixelsAloneAreExact(hasBias: Bool) throws {
        let input = randomTensor([4, 3, 5, 5], in: 0..<1)
        let factor = SpatiallyUncorrelatedConvInputFactor(
            channels: 3, kernel: [1, 1], hasBias: hasBias, dtype: .float64)
        factor.update(inputs: [input], decay: 0.9)
        let expected = exact([input], ConvolutionGeometry(kernel: [1, 1]), hasBias: hasBias)
        expectClose(factor.average.dense(), expected, relative: 1e-10, absolute: 1e-12)
        expectClose(
            try factor.inverseOperator(damping: 0).dense(), try expected.inverse(), relative: 1e-8, absolute: 1e-9)
    }

    /// Each patch has one pixel that is not zero, each position as often as the others.
    @Test func positionsAreTheFastestIndex() {
        let pixels = randomTensor([6, 3, 2, 3])
        let positions = Tensor.identity(6, dtype: .float64).reshaped([6, 1, 2, 3])
        let input = pixels[0...0, .all, 0...0, 0...0] * positions
        let factor = SpatiallyUncorrelatedConvInputFactor(
            channels: 3, kernel: [2, 3], hasBias: false, mean: .zero, dtype: .float64)
        factor.update(inputs: [input], decay: 0.9)
        let expected = exact([input], ConvolutionGeometry(kernel: [2, 3]), hasBias: false)
        expectClose(factor.average.dense(), expected, relative: 1e-10, absolute: 1e-12)
        // In the other order it would be another matrix.
        let other = kroneckerProduct(Tensor.identity(6, dtype: .float64), factor.channelCovariance)
        #expect((other - expected).abs().max().scalar > 0.01)
    }

    /// Constant images: only the mean is left.
    @Test func constantImagesAreExact() {
        let input = randomTensor([1, 3, 1, 1]).broadcast(to: [2, 3, 4, 4])
        let factor = SpatiallyUncorrelatedConvInputFactor(
            channels: 3, kernel: [2, 2], hasBias: true, dtype: .float64)
        factor.update(inputs: [input], decay: 0.9)
        let expected = exact([input], ConvolutionGeometry(kernel: [2, 2]), hasBias: true)
        expectClose(factor.average.dense(), expected, relative: 1e-10, absolute: 1e-12)
    }

    @Test func treatmentsOfTheMean() {
        let input = randomTensor([4, 2, 3, 3], in: 0..<1)
        func factor(_ mean: SpatiallyUncorrelatedConvInputFactor.Mean) -> SpatiallyUncorrelatedConvInputFactor {
            let factor = SpatiallyUncorrelatedConvInputFactor(
                channels: 2, kernel: [2, 2], hasBias: true, mean: mean, dtype: .float64)
            factor.update(inputs: [input], decay: 0.9)
            return factor
        }
        let (included, dropped, zero) = (factor(.included), factor(.dropped), factor(.zero))
        expectClose(dropped.channelCovariance, included.channelCovariance, relative: 1e-12)
        let outer = included.channelMean.expanded(at: 1) * included.channelMean.expanded(at: 0)
        expectClose(zero.channelCovariance, included.channelCovariance + outer, relative: 1e-10)
        for treated in [dropped, zero] {
            let dense = treated.average.dense()
            expectClose(dense[8, 8], Tensor(1.0))
            expectClose(dense[8, 0..<8], Tensor.zeros([8], dtype: .float64))
            expectClose(dense[0..<8, 0..<8], kroneckerProduct(treated.channelCovariance, .identity(4, dtype: .float64)))
        }
    }
}
