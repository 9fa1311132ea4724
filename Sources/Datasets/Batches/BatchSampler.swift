public import Torch

/// Deals out the positions of a data set in batches, epoch after epoch, each in a new random order.
///
/// A value: a copy deals the same batches by itself. Everything that the batches to come depend on is ``state``.
public struct BatchSampler: Sendable {
    /// How the examples at the end of an epoch that do not fill a batch are treated.
    public enum PartialBatch: String, Sendable, Hashable, Codable {
        /// They form a smaller batch.
        case keep
        /// They are left out of this epoch.
        case drop
    }

    /// The number of examples.
    public let count: Int
    /// The number of examples of each batch.
    public let batchSize: BatchSize
    /// How the examples that do not fill the last batch are treated.
    public let partialBatch: PartialBatch
    /// The number of the next batch, from 0.
    public private(set) var step = 0
    /// The number of the epoch that the next batch belongs to, from 0.
    public private(set) var epoch = 0
    /// The number of examples of that epoch that were dealt before.
    public private(set) var dealt = 0

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
    ///   - batchSize: The number of examples of each batch, positive; more than `count` mean `count`.
    public init(
        count: Int, batchSize: BatchSize, partialBatch: PartialBatch = .keep, generator: RandomGenerator
    ) {
        guard count > 0, batchSize.isValid else {
            fatalError("BatchSampler: batches of \(batchSize) out of \(count) examples")
        }
        self.count = count
        self.batchSize = batchSize
        self.partialBatch = partialBatch
        self.generator = generator
        epochState = generator.state
    }

    /// The number of batches until this epoch is over, and further ones after it.
    ///
    /// - Parameter epochs: The number of epochs, this one included, positive.
    public func batchesLeft(epochs: Int = 1) -> Int {
        guard (1...Self.mostSteps).contains(epochs) else {
            fatalError("BatchSampler.batchesLeft: \(epochs) epochs; from 1 to \(Self.mostSteps) are possible")
        }
        if case .constant(let size) = batchSize {
            let (first, each) = (batches(of: count - dealt, size), batches(of: count, size))
            let (others, isTooMuch) = each.multipliedReportingOverflow(by: epochs - 1)
            guard !isTooMuch, others <= .max - first else {
                fatalError("BatchSampler.batchesLeft: \(epochs) epochs of \(each) batches are more than can be counted")
            }
            return first + others
        }
        var epochs = epochs
        var next = Place(step: step, dealt: dealt)
        var batches = 0
        while epochs > 0 {
            let first = next
            let before = batches
            repeat {
                next = after(next)
                batches += 1
            } while next.dealt > 0
            epochs -= 1
            // From an epoch like this one on, all are alike.
            if first.dealt == 0, batchSize(first.step, of: count) == count {
                let (others, overflows) = epochs.multipliedReportingOverflow(by: batches - before)
                guard !overflows, others <= .max - batches else {
                    fatalError("BatchSampler.batchesLeft: \(epochs) epochs have more batches than an integer counts")
                }
                return batches + others
            }
        }
        return batches
    }

    /// The number of batches of one size until some examples of an epoch are dealt.
    private func batches(of examples: Int, _ size: Int) -> Int {
        let size = min(size, count)
        let (whole, rest) = examples.quotientAndRemainder(dividingBy: size)
        // Where a batch could not be filled, the sampler deals it only if it stands there already.
        return rest > 0 && (partialBatch == .keep || whole == 0) ? whole + 1 : whole
    }

    /// Deals the next batch, the first of the next epoch after the last of this one.
    ///
    /// - Returns: Positions of type int64, on the generator's device.
    public mutating func next() -> Tensor {
        if order == nil {
            epochState = generator.state
            order = generator.permutation(count)
        }
        let place = Place(step: step, dealt: dealt)
        let batch = order![dealt..<dealt + size(at: place)]
        let next = after(place)
        step = next.step
        dealt = next.dealt
        if dealt == 0 {
            epoch = min(epoch + 1, Self.mostSteps)
            order = nil
            epochState = generator.state
        }
        return batch
    }

    /// Between two batches.
    private struct Place {
        var step: Int
        var dealt: Int
    }

    private func size(at place: Place) -> Int { min(batchSize(place.step, of: count), count - place.dealt) }

    /// The place after the next batch, at the beginning of the next epoch where this one is over.
    private func after(_ place: Place) -> Place {
        var next = Place(step: min(place.step + 1, Self.mostSteps), dealt: place.dealt + size(at: place))
        let left = count - next.dealt
        if left == 0 || partialBatch == .drop && left < batchSize(next.step, of: count) { next.dealt = 0 }
        return next
    }

    /// Where a sampler stands: from here on, a sampler of the same data deals the same batches.
    public struct State: Sendable, Hashable, Codable {
        /// The number of the next batch.
        public var step: Int
        /// The epoch of the next batch.
        public var epoch: Int
        /// The number of examples of that epoch that were dealt.
        public var dealt: Int
        /// The generator before it draws the order of that epoch.
        public var generator: [UInt8]

        /// Puts a state together.
        public init(step: Int, epoch: Int, dealt: Int, generator: [UInt8]) {
            self.step = step
            self.epoch = epoch
            self.dealt = dealt
            self.generator = generator
        }
    }

    /// Where the sampler stands.
    ///
    /// It is set to what was read from a sampler of the same data. What comes from a file is for ``restore(_:)``, which
    /// throws if this stops the program.
    public var state: State {
        get { State(step: step, epoch: epoch, dealt: dealt, generator: epochState) }
        set {
            do { try restore(newValue) } catch { fatalError("BatchSampler.state: \(error)") }
        }
    }

    /// Continues from a ``state-swift.property`` that may be damaged or of other data.
    ///
    /// - Throws: ``BatchSamplerStateError`` if no sampler of so many examples stands there, or the bytes are no
    ///   state of a generator; the sampler is then as it was.
    public mutating func restore(_ state: State) throws(BatchSamplerStateError) {
        guard state.epoch >= 0, state.step >= state.epoch, state.step <= Self.mostSteps else {
            throw BatchSamplerStateError(
                reason: "batch \(state.step) cannot be in epoch \(state.epoch), both counted from 0")
        }
        guard (0..<count).contains(state.dealt) else {
            throw BatchSamplerStateError(reason: "\(state.dealt) examples of an epoch of \(count) are dealt")
        }
        var generator = generator
        do { try generator.restore(state.generator) } catch { throw BatchSamplerStateError(reason: "\(error)") }
        step = state.step
        epoch = state.epoch
        dealt = state.dealt
        epochState = state.generator
        order = dealt == 0 ? nil : generator.permutation(count)
        self.generator = generator
    }

    /// More than anybody does, and far from where counting ends.
    private static let mostSteps = 1 << 53
}
