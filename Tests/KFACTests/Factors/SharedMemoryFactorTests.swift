import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Batches that are views of the averages that they move: each is read as it was before.
@Suite struct SharedMemoryFactorTests {
    static let fullyConnected: [(hasBias: Bool, form: StatisticsForm)] = [
        (false, .automatic), (false, .plain), (true, .automatic), (true, .plain),
    ]

    @Test(arguments: fullyConnected.indices) func fullyConnectedFactors(number: Int) {
        let (hasBias, form) = Self.fullyConnected[number]
        func updated(_ read: (Tensor) -> Tensor) -> Tensor {
            let factor = FullyConnectedKroneckerFactor(
                features: 4, hasBias: hasBias, settings: FactorSettings(statistics: form), dtype: .float64)
            factor.update([randomTensor([7, 4])], decay: 0.9)
            // Two sources, and a second part that is read after the first one was added.
            let rows = read(factor.covariance)[.all, ..<4]
            factor.update(uses: [[rows, rows], [rows]], decay: 0.9)
            return factor.covariance
        }
        expectClose(updated { $0 }, updated { $0.copy() }, relative: 1e-13, absolute: 1e-15)
    }

    @Test(arguments: StatisticsForm.allCases, [false, true])
    func convolutionFactors(form: StatisticsForm, hasBias: Bool) {
        func updated(_ read: (Tensor) -> Tensor) -> Tensor {
            let factor = ConvInputKroneckerFactor(
                channels: 2, geometry: ConvolutionGeometry(kernel: [3, 3]), hasBias: hasBias,
                settings: FactorSettings(statistics: form), dtype: .float64)
            factor.update(inputs: [randomTensor([3, 2, 6, 6])], decay: 0.9)
            let images = read(factor.covariance)[..<18, ..<18].reshaped([9, 2, 1, 18])
                .broadcast(to: [9, 2, 5, 18])
            factor.update(inputs: [images, images], decay: 0.9)
            return factor.covariance
        }
        expectClose(updated { $0 }, updated { $0.copy() }, relative: 1e-12, absolute: 1e-15)
    }

    @Test func timeSeries() {
        func updated(_ read: (Tensor) -> Tensor) -> [Tensor] {
            let factor = FullyConnectedMultiKroneckerFactor(features: 4, dtype: .float64)
            factor.update([TimeSeries(randomTensor([3, 5, 4]))], decay: 0.9)
            let series = [factor.covariance, factor.lagCovariance].map { TimeSeries(read($0).reshaped([2, 2, 4])) }
            factor.update(series, decay: 0.9)
            return [factor.covariance, factor.lagCovariance]
        }
        for (shared, copied) in zip(updated { $0 }, updated { $0.copy() }) {
            expectClose(shared, copied, relative: 1e-13, absolute: 1e-15)
        }
    }

    @Test func averages() {
        var average = MovingAverage(rule: .exponential, initialValue: randomTensor([3, 3]))
        let expected = average.value * 0.75 + average.value.transposed() * 0.25
        average.update(with: average.value.transposed(), decay: 0.75, weight: 1)
        expectClose(average.value, expected, relative: 1e-14)
    }
}
