import Datasets
import Foundation
import TestSupport
import Testing
import Torch

@Suite struct BatchSamplerTests {
    private func sampler(_ count: Int, _ size: Int, _ partial: BatchSampler.PartialBatch = .keep) -> BatchSampler {
        BatchSampler(
            count: count, batchSize: .constant(size), partialBatch: partial, generator: RandomGenerator(seed: 3))
    }

    private func deal(_ sampler: inout BatchSampler, _ batches: Int) -> [[Int]] {
        (0..<batches).map { _ in sampler.next().array(of: Int.self) }
    }

    @Test func fashionMNISTHas235BatchesOf256() {
        #expect(sampler(60_000, 256).batchesLeft() == 235)
        #expect(sampler(60_000, 256, .drop).batchesLeft() == 234)
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
        #expect(sampler.dealt == 0)
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
        #expect(sampler.batchesLeft() == 1)
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

@Suite struct BatchSamplerStateTests {
    private let sampler = BatchSampler(count: 40, batchSize: 7, generator: RandomGenerator(seed: 3))

    private func expectRefused(
        _ reason: String, _ change: (inout BatchSampler.State) -> Void,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        var sampler = sampler
        _ = sampler.next()
        let before = sampler
        var state = sampler.state
        change(&state)
        let error = #expect(throws: BatchSamplerStateError.self, sourceLocation: sourceLocation) {
            try sampler.restore(state)
        }
        #expect(error?.reason.contains(reason) == true, sourceLocation: sourceLocation)
        #expect(sampler.state == before.state, sourceLocation: sourceLocation)
    }

    @Test func statesOfNoSamplerAreRefused() {
        expectRefused("batch -1 cannot be in epoch 0") { $0.step = -1 }
        expectRefused("batch 1 cannot be in epoch -1") { $0.epoch = -1 }
        expectRefused("batch 1 cannot be in epoch 2") { $0.epoch = 2 }
        // The number of the batch after it could not be counted.
        expectRefused("batch \(Int.max) cannot be in epoch 0") { $0.step = .max }
        expectRefused("-7 examples of an epoch of 40 are dealt") { $0.dealt = -7 }
        expectRefused("40 examples of an epoch of 40 are dealt") { $0.dealt = 40 }
        expectRefused("there are 3 bytes, not the 5056 of a state") { $0.generator = [1, 2, 3] }
        expectRefused("all of its words are zero") { state in
            for place in 24..<24 + 624 * 8 { state.generator[place] = 0 }
        }
    }
}

@Suite struct BatchGrowthTests {
    private func sampler(
        _ count: Int, from first: Int, steps: Int, _ partial: BatchSampler.PartialBatch = .drop
    ) -> BatchSampler {
        BatchSampler(
            count: count, batchSize: .growing(from: first, steps: steps), partialBatch: partial,
            generator: RandomGenerator(seed: 4))
    }

    /// The paper's schedule: 1,000 exp((k − 1) / b) with b such that 60,000 are reached at k = 500.
    @Test(arguments: [(1, 1000), (2, 1008), (100, 2253), (250, 7714), (499, 59_510), (500, 60_000), (501, 60_000)])
    func growsExponentially(k: Int, expected: Int) {
        #expect(BatchSize.growing(from: 1000, steps: 500)(k - 1, of: 60_000) == expected)
    }

    @Test(arguments: [
        (BatchSize.growing(from: 10, steps: 1), 0, 7), (.growing(from: 3, steps: 1), 0, 7),
        (.growing(from: 3, steps: 2), 0, 3), (.growing(from: 3, steps: 2), 1, 7), (9, 5, 7), (4, 5, 4),
    ])
    func neverTakesMoreThanThereIs(size: BatchSize, step: Int, expected: Int) {
        #expect(size(step, of: 7) == expected)
    }

    @Test(arguments: [BatchSampler.PartialBatch.keep, .drop])
    func dealsEachExampleAtMostOnceAnEpoch(partial: BatchSampler.PartialBatch) {
        var sampler = sampler(100, from: 10, steps: 12, partial)
        var step = 0
        for _ in 0..<9 {
            let epoch = sampler.epoch
            var dealt: [Int] = []
            var left = sampler.batchesLeft()
            repeat {
                #expect(sampler.batchesLeft() == left)
                #expect(sampler.dealt == dealt.count)
                let batch = sampler.next().array(of: Int.self)
                let size = BatchSize.growing(from: 10, steps: 12)(step, of: 100)
                #expect(partial == .drop ? batch.count == size : batch.count == min(size, 100 - dealt.count))
                dealt += batch
                step += 1
                left -= 1
            } while sampler.epoch == epoch
            #expect(left == 0)
            #expect(Set(dealt).count == dealt.count)
            #expect(partial == .drop || dealt.count == 100)
        }
        #expect(sampler.step == step)
    }

    @Test(arguments: [BatchSampler.PartialBatch.keep, .drop], [0, 1, 4, 30])
    func countsTheBatchesOfEpochsAhead(partial: BatchSampler.PartialBatch, start: Int) {
        var original = sampler(100, from: 10, steps: 12, partial)
        for _ in 0..<start { _ = original.next() }
        for epochs in 1...12 {
            var sampler = original
            var batches = 0
            while sampler.epoch < original.epoch + epochs {
                _ = sampler.next()
                batches += 1
            }
            #expect(original.batchesLeft(epochs: epochs) == batches)
        }
        #expect(original.batchesLeft(epochs: 1_000_000) > 1_000_000 - 1)
    }

    @Test(arguments: [0, 1, 3, 7, 15, 40])
    func goesOnFromAState(after batches: Int) throws {
        var original = sampler(100, from: 10, steps: 12)
        for _ in 0..<batches { _ = original.next() }
        let stored = try JSONEncoder().encode(original.state)
        var restored = BatchSampler(
            count: 100, batchSize: original.batchSize, partialBatch: .drop, generator: RandomGenerator(seed: 99))
        _ = restored.next()
        restored.state = try JSONDecoder().decode(BatchSampler.State.self, from: stored)
        for _ in 0..<20 {
            #expect(restored.next().array(of: Int.self) == original.next().array(of: Int.self))
        }
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

    /// The same pictures as bytes and as numbers from 0 to 1.
    @Test(arguments: [DType.float32, .float64])
    func normalizationOfNumbersIsThatOfBytes(type: DType) {
        let numbers = ImageDataset(
            images: dataset.images.to(type) / 255, labels: dataset.labels, classes: dataset.classes)
        let (own, ofBytes) = (Normalization(of: numbers), Normalization(of: dataset))
        #expect(abs(own.mean - ofBytes.mean) < 1e-7)
        #expect(abs(own.standardDeviation - ofBytes.standardDeviation) < 1e-7)
    }

    @Test(arguments: [Tensor.full([3, 1, 2, 2], 51, dtype: .uint8), Tensor.full([3, 1, 2, 2], 0.2)])
    func oneColourIsOnlyShifted(images: Tensor) {
        let grey = ImageDataset(images: images, labels: Tensor([0, 0, 0]), classes: 1)
        let normalization = Normalization(of: grey)
        #expect(abs(normalization.mean - 0.2) < 1e-8 && normalization.standardDeviation == 1)
        #expect(abs(grey.batch(0..<3, normalization: normalization).images.max().scalar) < 1e-7)
    }

    @Test func floatingPointImagesAreTakenAsTheyAre() {
        let scaled = ImageDataset(
            images: Tensor([0, 0.5, 1, 0.25] as [Float], shape: [2, 1, 1, 2]), labels: Tensor([0, 1]), classes: 2)
        #expect(scaled.batch(0..<2).images.array(of: Float.self) == [0, 0.5, 1, 0.25])
    }
}
