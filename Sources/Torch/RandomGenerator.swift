import CTorch

/// A source of random tensors that is a value: a copy continues the same sequence by itself.
///
/// The sequence depends on the seed and the device only.
public struct RandomGenerator: @unchecked Sendable {
    private final class Storage {
        let pointer: OpaquePointer

        init(owning pointer: OpaquePointer) { self.pointer = pointer }

        deinit { ct_generator_release(pointer) }
    }

    private var storage: Storage

    /// Where the random tensors are made.
    public let device: Device

    /// Creates a generator; equal seeds give equal sequences.
    ///
    /// On the CPU there are 2³² different sequences; up to 2³² − 1, seeds give those of Python's `torch.manual_seed`.
    public init(seed: UInt64, device: Device = .cpu) {
        self.device = device
        var output: OpaquePointer?
        guard ct_generator_create(device.code, seed, &output) == CT_OK, let output else {
            fatalError("RandomGenerator on \(device): \(lastMessage())")
        }
        storage = Storage(owning: output)
    }

    /// Everything that the sequence from here on depends on, as bytes; for checkpoints.
    ///
    /// It is set to what was read from a generator of the same kind of device. Bytes that come from a file are for
    /// ``restore(_:)``, which throws where this stops the program.
    public var state: [UInt8] {
        get {
            withExtendedLifetime(storage) {
                Tensor.make("state") { ct_generator_state(storage.pointer, $0) }.array(of: UInt8.self)
            }
        }
        set {
            do { try restore(newValue) } catch { fatalError("RandomGenerator.state: \(error)") }
        }
    }

    /// Continues from a ``state`` that may be damaged.
    ///
    /// - Throws: ``RandomGeneratorStateError`` if the bytes are no state of a generator on this kind of device; the
    ///   generator is then as it was.
    public mutating func restore(_ state: [UInt8]) throws(RandomGeneratorStateError) {
        makeUnique()
        let bytes = Tensor(state)
        let status = bytes.read { ct_generator_set_state(storage.pointer, $0) }
        guard status == CT_OK else { throw RandomGeneratorStateError(device: device, reason: lastMessage()) }
    }

    /// Draws numbers uniformly from a range (its upper bound excluded).
    public mutating func uniform(
        _ shape: [Int], in range: Range<Double> = 0..<1, dtype: DType = .float32
    ) -> Tensor {
        Tensor.requireCount(shape, "uniform")
        return draw("uniform") { generator, output in
            shape.withInt64 {
                ct_uniform(generator, $0, $1, range.lowerBound, range.upperBound, dtype.code, output)
            }
        }
    }

    /// Draws numbers from a normal distribution.
    public mutating func normal(
        _ shape: [Int], mean: Double = 0, standardDeviation: Double = 1, dtype: DType = .float32
    ) -> Tensor {
        Tensor.requireCount(shape, "normal")
        return draw("normal") { generator, output in
            shape.withInt64 { ct_normal(generator, $0, $1, mean, standardDeviation, dtype.code, output) }
        }
    }

    /// Draws integers uniformly from a range, as int64.
    public mutating func integers(_ shape: [Int], in range: Range<Int>) -> Tensor {
        Tensor.requireCount(shape, "integers")
        return draw("integers") { generator, output in
            shape.withInt64 {
                ct_random_integers(generator, $0, $1, Int64(range.lowerBound), Int64(range.upperBound), output)
            }
        }
    }

    /// Draws an order of the numbers from 0 to below `count`, as int64.
    public mutating func permutation(_ count: Int) -> Tensor {
        draw("permutation") { ct_permutation($0, Int64(count), $1) }
    }

    /// Draws zeros and ones, a one with the probability that stands in its place.
    public mutating func bernoulli(_ probabilities: Tensor) -> Tensor {
        draw("bernoulli", of: [probabilities]) { generator, output in
            probabilities.read { ct_bernoulli(generator, $0, output) }
        }
    }

    /// Draws class indices from each row of probabilities.
    ///
    /// - Parameter probabilities: [rows, classes], not negative, each row with a positive sum (not necessarily 1).
    /// - Returns: Indices of type int64, [rows, draws].
    public mutating func categorical(_ probabilities: Tensor, draws: Int = 1) -> Tensor {
        draw("categorical", of: [probabilities]) { generator, output in
            probabilities.read { ct_multinomial(generator, $0, Int64(draws), output) }
        }
    }

    /// Draws −1 or 1 with equal probability, in the shape and type of `tensor`.
    public mutating func signs(like tensor: Tensor) -> Tensor {
        bernoulli(Tensor.full(like: tensor, 0.5)) * 2 - 1
    }

    /// Derives a generator with a sequence of its own.
    public mutating func split() -> RandomGenerator {
        let seed = integers([1], in: 0..<Int.max).array(of: Int.self)[0]
        return RandomGenerator(seed: UInt64(seed), device: device)
    }

    private mutating func draw(
        _ operation: StaticString, of operands: [Tensor] = [], _ body: (OpaquePointer, Output?) -> ct_status
    ) -> Tensor {
        guard var source = RandomReplay.source(for: self) else { return drawOwn(operation, operands, body) }
        return source.drawOwn(operation, operands, body)
    }

    private mutating func drawOwn(
        _ operation: StaticString, _ operands: [Tensor], _ body: (OpaquePointer, Output?) -> ct_status
    ) -> Tensor {
        makeUnique()
        return withExtendedLifetime(storage) {
            Tensor.make(operation, operands) { _, _, output in body(storage.pointer, output) }
        }
    }

    /// Gives this value a generator of its own before it moves on.
    private mutating func makeUnique() {
        guard !isKnownUniquelyReferenced(&storage) else { return }
        var output: OpaquePointer?
        guard ct_generator_clone(storage.pointer, &output) == CT_OK, let output else {
            fatalError("RandomGenerator: \(lastMessage())")
        }
        storage = Storage(owning: output)
    }
}
