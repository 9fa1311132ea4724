public import Torch

/// The running average of a second moment over batches, updated in place by whoever forms the moment.
public struct MovingAverage: Sendable {
    /// How batches are weighted.
    public enum Rule: String, Sendable, Hashable, Codable {
        /// The weighted mean of all batches, each with its number of examples and older ones with the decay's power:
        /// unbiased from the first batch on. The rule of the original's successor; the default.
        case weighted
        /// The weighted mean with the same weight for every batch: the original's zero-debiased average.
        case zeroDebiased
        /// C ← C − (1 − ρ)(C − new) from the initial value, which fades with ρᵗ: the original's default.
        case exponential
    }

    /// The value before the first update (and, by the exponential rule, averaged with what follows).
    public enum Start: String, Sendable, Hashable, Codable {
        /// The identity matrix; ones for a diagonal.
        case identity
        /// Zeros.
        case zeros
    }

    /// How batches are weighted.
    public let rule: Rule
    /// The average.
    ///
    /// Its memory is written by updates: copy it to keep a state.
    public let value: Tensor
    /// The decayed sum of the weights of all batches so far.
    public private(set) var totalWeight = 0.0
    /// The number of updates so far.
    public private(set) var updateCount = 0

    /// Creates an average that starts with the given value, whose memory it takes over.
    init(rule: Rule, initialValue: Tensor) {
        self.rule = rule
        value = initialValue
    }

    /// Moves the average by one batch.
    ///
    /// By the weighted rule, parts of a batch that follow one another with decay 1 (after the first, with ρ) and their
    /// numbers of examples as weights move the average as the whole batch does.
    ///
    /// - Parameters:
    ///   - decay: ρ: 0 replaces the average, 1 lets all batches count alike (by the exponential rule: 1 freezes it).
    ///   - weight: The number of examples.
    ///   - form: Writes keep · value + add · new into its first argument: one product with `beta` and `alpha`.
    mutating func update(
        decay: Double, weight: Double, form: (_ value: Tensor, _ keep: Double, _ add: Double) -> Void
    ) {
        guard (0...1).contains(decay), weight > 0 else {
            fatalError("MovingAverage.update: decay \(decay) (from 0 to 1) and weight \(weight) (positive)")
        }
        let before = self
        let add: Double
        if rule == .exponential {
            add = 1 - decay
        } else {
            let weight = rule == .zeroDebiased ? 1 : weight
            totalWeight = decay * totalWeight + weight
            add = weight / totalWeight
        }
        withoutGradients { form(value, 1 - add, add) }
        updateCount.countOn()
        // If there was no memory to form the moment, the batch does not count.
        if MemoryFault.hasOccurred { self = before }
    }

    /// Lets the batches so far fade by one more that says nothing.
    mutating func fade(decay: Double) { totalWeight *= decay }

    /// Stores the average and its weights.
    func save(to snapshot: inout Snapshot) {
        snapshot.set("value", value)
        snapshot.set("totalWeight", totalWeight)
        snapshot.set("updateCount", updateCount)
    }

    /// The kinds of averages, by where means of squares are in them, which are never negative.
    enum Content {
        /// Everywhere.
        case squares
        /// On the diagonals of matrices.
        case matrices
        /// Not only there.
        case others
    }

    /// Reads the average into its own memory, and gives the average with its weights.
    func restore(
        from reader: SnapshotReader, of content: Content = .matrices, _ assign: @escaping (MovingAverage) -> Void
    ) {
        reader.tensor("value", into: value)
        if content != .others { reader.requireSquares("value", ofMatrices: content == .matrices) }
        reader.requireSquares("totalWeight")
        guard let weight = reader.number("totalWeight"), let count = reader.integer("updateCount") else { return }
        var restored = self
        restored.totalWeight = weight
        restored.updateCount = count
        reader.whenFitting { [restored] in assign(restored) }
    }

    /// Forgets all batches: the average is zero until the next one, which alone then decides.
    mutating func restart() {
        withoutGradients { value.fill(0) }
        totalWeight = 0
    }

    /// Moves the average by one batch whose value is known.
    mutating func update(with new: Tensor, decay: Double, weight: Double) {
        update(decay: decay, weight: weight) { value, keep, add in
            let new = new.apart(from: [value]).reshaped(value.shape)
            value.multiply(inPlace: keep)
            value.add(inPlace: new, scale: add)
        }
    }
}
