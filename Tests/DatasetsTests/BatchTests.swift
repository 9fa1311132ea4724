import Datasets
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct BatchSamplerTests {
    private func sampler(_ count: Int, _ size: Int, _ partial: BatchSampler.PartialBatch = .keep) -> BatchSampler {
        BatchSampler(
            count: count, batchSize: size, partialBatch: partial, generator: RandomGenerator(seed: 3))
    }

    private func deal(_ sampler: inout BatchSampler, _ batches: Int) -> [[Int]] {
        (0..<batches).map { _ in sampler.next().array(of: Int.self) }
    }

    @Test func fashionMNISTHas235BatchesOf256() {
        #expect(sampler(60_000, 256).batchesPerEpoch == 235)
        #expect(sampler(60_000, 256, .drop).batchesPerEpoch == 234)
    }

    @Test func anEpochDealsEachExampleOnce() {
        var sampler = sampler(103, 10)
        for epoch in 0..<3 {
            #expect(sampler.epoch == epoch)
            let batches = deal(&sampler, 11)
            #expect(batches.map(\.count) == [Int](repeating: 10, count: 10) + [3])
            #expect(batches.joined().sorted() == Array(0..<103))
            #expect(Array(batches.joined()) != Array(0..<103))
        }
        #expect(sampler.position == 0)
    }

    @Test func ordersDifferBetweenEpochs() {
        var sampler = sampler(50, 50)
        let orders = deal(&sampler, 3)
        #expect(Set(orders).count == 3)
    }

    @Test func aPartialBatchCanBeDropped() {
        var sampler = sampler(103, 10, .drop)
        let first = deal(&sampler, 10)
        #expect(first.allSatisfy { $0.count == 10 })
        #expect(Set(first.joined()).count == 100)
        #expect(sampler.epoch == 1)
    }

    @Test func aBatchLargerThanTheDataIsTheData() {
        var sampler = sampler(5, .max)
        #expect(sampler.batchesPerEpoch == 1)
        #expect(sampler.next().array(of: Int.self).sorted() == Array(0..<5))
        #expect(sampler.epoch == 1)
    }

    @Test func aCopyGoesOnByItself() {
        var one = sampler(40, 7)
        _ = deal(&one, 3)
        var other = one
        let expected = deal(&one, 20)
        #expect(deal(&other, 20) == expected)
    }

    @Test(arguments: [0, 1, 3, 5, 6, 7, 11, 12, 13])
    func goesOnFromAState(after batches: Int) throws {
        var original = sampler(40, 7)
        _ = deal(&original, batches)
        // Through a file, as a checkpoint would.
        let stored = try JSONEncoder().encode(original.state)
        let expected = deal(&original, 20)

        var restored = BatchSampler(count: 40, batchSize: 7, generator: RandomGenerator(seed: 99))
        _ = deal(&restored, 2)
        restored.state = try JSONDecoder().decode(BatchSampler.State.self, from: stored)
        #expect(deal(&restored, 20) == expected)
        #expect(restored.state == original.state)
    }
}

@Suite struct ImageBatchTests {
    /// Four images of two pixels: 0 and 1, 10 and 11, 20 and 21, 30 and 31.
    private let dataset = ImageDataset(
        images: Tensor([0, 1, 10, 11, 20, 21, 30, 31] as [UInt8], shape: [4, 1, 1, 2]),
        labels: Tensor([0, 1, 2, 3]), classes: 4)

    @Test func gathersAndScales() {
        let batch = dataset.batch(at: Tensor([2, 0]))
        #expect(batch.count == 2)
        #expect(batch.images.shape == [2, 1, 1, 2])
        #expect(batch.images.dtype == .float32)
        #expect(batch.labels.array(of: Int.self) == [2, 0])
        let expected: [Float] = [20, 21, 0, 1]
        for (pixel, value) in zip(batch.images.array(of: Float.self), expected) {
            #expect(abs(pixel - value / 255) < 1e-7)
        }
    }

    @Test func rangesAreTheSameAsPositions() {
        let normalization = Normalization(mean: 0.1, standardDeviation: 0.3)
        let range = dataset.batch(1..<3, normalization: normalization)
        let positions = dataset.batch(at: Tensor([1, 2]), normalization: normalization)
        #expect((range.images .== positions.images).all())
        #expect((range.labels .== positions.labels).all())
    }

    @Test func normalizationOfTheDataGivesMeanZeroAndDeviationOne() {
        let images = dataset.batch(0..<4, normalization: Normalization(of: dataset)).images
        #expect(abs(images.mean().scalar) < 1e-6)
        #expect(abs(images.variance().scalar - 1) < 1e-5)
    }

    @Test func oneColourIsOnlyShifted() {
        let grey = ImageDataset(
            images: Tensor.full([3, 1, 2, 2], 51, dtype: .uint8), labels: Tensor([0, 0, 0]), classes: 1)
        let normalization = Normalization(of: grey)
        #expect(normalization == Normalization(mean: 0.2, standardDeviation: 1))
        #expect(abs(grey.batch(0..<3, normalization: normalization).images.max().scalar) < 1e-7)
    }

    @Test func floatingPointImagesAreTakenAsTheyAre() {
        let scaled = ImageDataset(
            images: Tensor([0, 0.5, 1, 0.25] as [Float], shape: [2, 1, 1, 2]), labels: Tensor([0, 1]), classes: 2)
        #expect(scaled.batch(0..<2).images.array(of: Float.self) == [0, 0.5, 1, 0.25])
    }
}
