public import Torch

/// Deals out the positions of a data set in batches, epoch after epoch, each in a new random order.
///
/// A value: a copy goes on by itself with the same batches. Everything that the batches to come depend on is ``state``.
public struct BatchSampler: Sendable {
    /// What becomes of the examples that do not fill the last batch of an epoch.
    public enum PartialBatch: String, Sendable, Hashable, Codable {
        /// They form a smaller batch.
        case keep
        /// They are left out of this epoch.
        case drop
    }

    /// The number of examples.
    public let count: Int
    /// The number of examples of a batch, at most `count`.
    public let batchSize: Int
    /// What becomes of the examples that do not fill the last batch.
    public let partialBatch: PartialBatch
    /// The number of the epoch that the next batch belongs to, from 0.
    public private(set) var epoch = 0
    /// The number of that batch in its epoch, from 0.
    public private(set) var position = 0

    /// Draws the order of the epochs after this one, and of this one where no batch of it was dealt yet.
    private var generator: RandomGenerator
    /// The generator's state before it drew the order of this epoch.
    private var epochState: [UInt8]
    /// The order of this epoch, once its first batch was dealt.
    private var order: Tensor?

    /// Creates a sampler.
    ///
    /// - Parameters:
    ///   - count: The number of examples, positive.
    ///   - batchSize: The number of examples of a batch, positive; more than `count` mean `count`.
    public init(
        count: Int, batchSize: Int, partialBatch: PartialBatch = .keep, generator: RandomGenerator
    ) {
        guard count > 0, batchSize > 0 else {
            fatalError("BatchSampler: batches of \(batchSize) out of \(count) examples")
        }
        self.count = count
        self.batchSize = min(batchSize, count)
        self.partialBatch = partialBatch
        self.generator = generator
        epochState = generator.state
    }

    /// The number of batches in an epoch.
    public var batchesPerEpoch: Int {
        switch partialBatch {
        case .keep: (count + batchSize - 1) / batchSize
        case .drop: count / batchSize
        }
    }

    /// Deals the next batch, the first of the next epoch after the last of this one.
    ///
    /// - Returns: Positions of type int64, on the generator's device.
    public mutating func next() -> Tensor {
        if order == nil {
            epochState = generator.state
            order = generator.permutation(count)
        }
        let start = position * batchSize
        let batch = order![start..<min(start + batchSize, count)]
        position += 1
        if position == batchesPerEpoch {
            position = 0
            epoch += 1
            order = nil
            epochState = generator.state
        }
        return batch
    }

    /// Where a sampler stands: from here on, a sampler of the same data deals the same batches.
    public struct State: Sendable, Hashable, Codable {
        /// The epoch of the next batch.
        public var epoch: Int
        /// The number of the next batch in its epoch.
        public var position: Int
        /// The generator before it draws the order of that epoch.
        public var generator: [UInt8]
    }

    /// Where the sampler stands.
    public var state: State {
        get { State(epoch: epoch, position: position, generator: epochState) }
        set {
            guard newValue.epoch >= 0, (0..<batchesPerEpoch).contains(newValue.position) else {
                fatalError("BatchSampler.state: batch \(newValue.position) of epoch \(newValue.epoch)")
            }
            epoch = newValue.epoch
            position = newValue.position
            epochState = newValue.generator
            generator.state = newValue.generator
            order = position == 0 ? nil : generator.permutation(count)
        }
    }
}
