import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Running averages against their closed forms.
@Suite struct MovingAverageTests {
    private static let batches = (0..<6).map { randomTensor([3, 3], seed: UInt64($0)) }
    private static let weights = [3.0, 5, 1, 4, 10, 2]
    private static let decays = [0.3, 0.9, 1, 0.5, 0.95, 0.8]

    private static func updated(
        _ average: MovingAverage, _ batches: [Tensor], weights: [Double], decays: [Double]
    ) -> MovingAverage {
        var average = average
        for (batch, (weight, decay)) in zip(batches, zip(weights, decays)) {
            average.update(decay: decay, weight: weight) { value, keep, take in
                value.multiply(inPlace: keep)
                value.add(inPlace: batch, scale: take)
            }
        }
        return average
    }

    /// What is left of a batch's weight after the later batches.
    private static func remainder(after index: Int, of count: Int) -> Double {
        decays[index + 1..<count].reduce(1, *)
    }

    @Test(arguments: [MovingAverage.Rule.weighted, .zeroDebiased], 1...6)
    func unbiasedRules(rule: MovingAverage.Rule, count: Int) {
        let start = MovingAverage(rule: rule, initialValue: randomTensor([3, 3], seed: 100))
        let average = Self.updated(
            start, Array(Self.batches[..<count]), weights: Self.weights, decays: Self.decays)
        let shares = (0..<count).map {
            (rule == .weighted ? Self.weights[$0] : 1) * Self.remainder(after: $0, of: count)
        }
        let total = shares.reduce(0, +)
        let expected = (0..<count).map { Self.batches[$0] * (shares[$0] / total) }
        // Nothing is left of the value that the average starts with.
        expectClose(
            average.value, expected.dropFirst().reduce(expected[0], +), relative: 1e-12, absolute: 1e-15)
        expectClose(Tensor(average.totalWeight), Tensor(total), relative: 1e-14)
        #expect(average.updateCount == count)
    }

    @Test(arguments: 1...6) func exponentialRule(count: Int) {
        let start = randomTensor([3, 3], seed: 100)
        let average = Self.updated(
            MovingAverage(rule: .exponential, initialValue: start.copy()), Array(Self.batches[..<count]),
            weights: Self.weights, decays: Self.decays)
        var expected = start * Self.decays[..<count].reduce(1, *)
        for index in 0..<count {
            expected += Self.batches[index] * ((1 - Self.decays[index]) * Self.remainder(after: index, of: count))
        }
        expectClose(average.value, expected, relative: 1e-12, absolute: 1e-15)
        #expect(average.updateCount == count)
    }

    @Test func memoryIsWrittenInPlace() {
        let factor = FullyConnectedKroneckerFactor(features: 2, dtype: .float64)
        let view = factor.covariance
        expectClose(view, Tensor.zeros([2, 2]), absolute: 0)
        let x = randomTensor([5, 2], seed: 1)
        factor.update([x], decay: 0.9)
        expectClose(view, meanSecondMoment(x), relative: 1e-12, absolute: 1e-15)
        #expect(factor.covariance.id == view.id)
    }

    @Test func startsAsAsked() {
        let identity = FullyConnectedKroneckerFactor(
            features: 2, hasBias: true, settings: FactorSettings(start: .identity), dtype: .float64)
        expectClose(identity.covariance, Tensor.identity(3), absolute: 0)
    }

    /// A batch in parts, the later ones with decay 1, is as good as the batch at once.
    @Test(arguments: [true, false]) func partsOfABatch(hasBias: Bool) {
        let before = randomTensor([4, 2], seed: 1)
        let batch = randomTensor([8, 2], seed: 2)
        func factor() -> FullyConnectedKroneckerFactor {
            let factor = FullyConnectedKroneckerFactor(features: 2, hasBias: hasBias, dtype: .float64)
            factor.update([before], decay: 0.9)
            return factor
        }
        let whole = factor()
        whole.update([batch], decay: 0.7)
        let parts = factor()
        for (range, decay) in [(0..<3, 0.7), (3..<7, 1), (7..<8, 1)] { parts.update([batch[range]], decay: decay) }
        expectClose(parts.covariance, whole.covariance, relative: 1e-12)
    }

    @Test func partsOfABatchOfImages() {
        let batch = randomTensor([5, 2, 4, 4], seed: 2)
        func factor(_ ranges: [Range<Int>]) -> Tensor {
            let factor = ConvInputKroneckerFactor(
                channels: 2, geometry: ConvolutionGeometry(kernel: [3, 3], padding: [1]), hasBias: true, dtype: .float64
            )
            for range in ranges { factor.update(inputs: [batch[range]], decay: range.lowerBound == 0 ? 0.9 : 1) }
            return factor.covariance
        }
        expectClose(factor([0..<2, 2..<5]), factor([0..<5]), relative: 1e-12, absolute: 1e-15)
    }
}
