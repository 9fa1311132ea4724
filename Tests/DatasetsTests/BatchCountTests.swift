import Datasets
import TestSupport
import Testing
import Torch

/// The number of batches that are left, against dealing them out.
@Suite struct BatchCountTests {
    private static let sizes: [BatchSize] = [1, 3, 7, 10, 99, .growing(from: 2, steps: 4)]

    @Test(arguments: sizes, [BatchSampler.PartialBatch.keep, .drop])
    func countsAreWhatIsDealt(size: BatchSize, partial: BatchSampler.PartialBatch) throws {
        for dealt in 0..<10 {
            var sampler = BatchSampler(
                count: 10, batchSize: size, partialBatch: partial, generator: RandomGenerator(seed: 1))
            var state = sampler.state
            state.dealt = dealt
            try sampler.restore(state)
            let left = (1...3).map { sampler.batchesLeft(epochs: $0) }
            var counted: [Int] = []
            var batches = 0
            while counted.count < 3 {
                _ = sampler.next()
                batches += 1
                if sampler.dealt == 0 { counted.append(batches) }
            }
            #expect(left == counted, "\(dealt) dealt")
        }
    }

    @Test func largeCountsTakeNoTime() {
        let sampler = BatchSampler(count: .max, batchSize: 2, generator: RandomGenerator(seed: 1))
        #expect(sampler.batchesLeft() == Int.max / 2 + 1)
    }

    /// As many epochs as there can be, of batches that grow for as long as they can.
    @Test(arguments: [(1, 1_000_000), (1, 2), (9, 1_000_000), (10, 1), (Int.max, 5)])
    func countsOfGrowingBatchesTakeNoTime(first: Int, steps: Int) throws {
        for partial in [BatchSampler.PartialBatch.keep, .drop] {
            var sampler = BatchSampler(
                count: 10, batchSize: .growing(from: first, steps: steps), partialBatch: partial,
                generator: RandomGenerator(seed: 1))
            let epochs = 1 << 40
            let all = sampler.batchesLeft(epochs: epochs)
            #expect(all >= epochs && all <= epochs + 10 * steps)
            // From the middle of an epoch, and from where growth is over.
            var state = sampler.state
            (state.step, state.dealt) = (3, 7)
            try sampler.restore(state)
            #expect(sampler.batchesLeft(epochs: epochs) >= epochs)
            (state.step, state.epoch, state.dealt) = (steps + 3, 2, 0)
            try sampler.restore(state)
            #expect(sampler.batchesLeft(epochs: epochs) == epochs)
        }
    }

    /// What can be restored can be stored again.
    @Test func theGreatestCountIsRestoredAgain() throws {
        var sampler = BatchSampler(count: 10, batchSize: 4, generator: RandomGenerator(seed: 1))
        var state = sampler.state
        (state.step, state.epoch) = (1 << 53, 1 << 53)
        try sampler.restore(state)
        for _ in 0..<7 {
            _ = sampler.next()
            try sampler.restore(sampler.state)
        }
    }

    private static let misuses: [(use: @Sendable () -> Void, message: String)] = [
        (
            {
                _ = BatchSampler(
                    count: 10, batchSize: .growing(from: 1, steps: 1 << 40), generator: RandomGenerator(seed: 1))
            }, "BatchSampler: batches of growing(from: 1, steps: 1099511627776) out of 10 examples"
        ), ({ _ = BatchSize.growing(from: 0, steps: 5)(1, of: 10) }, "BatchSize: step 1 of growing(from: 0, steps: 5)"),
        (
            {
                let images = ImageTask.synthetic(trainingCount: 3, testCount: 1, imageShape: [1, 2, 2], classes: 2)
                _ = images.limited(toTraining: -1)
            }, "ImageDataset.prefix: -1 images"
        ),
        (
            { _ = ImageTask.synthetic(trainingCount: 3, testCount: 1, imageShape: [2, 2], classes: 0) },
            "ImageTask.synthetic: 3 images to learn from, 1 to be tested on, 0 classes, images of shape [2, 2]"
        ),
        (
            {
                var generator = RandomGenerator(seed: 1)
                _ = Augmentation()(Tensor.zeros([2, 4, 4]), using: &generator)
            }, "Augmentation: images of shape [2, 4, 4]"
        ),
    ]

    @Test func misuseIsNamed() async {
        await #expect(processExitsWith: .success) {
            for misuse in Self.misuses { expectTrap(misuse.message, of: misuse.use) }
        }
    }
}
