import TestSupport
import Testing
import Torch

@Suite("Random generators")
struct RandomGeneratorTests {
    /// Something of each kind of number, to tell sequences apart.
    private func sample(_ generator: inout RandomGenerator) -> [Double] {
        [
            generator.uniform([3]), generator.normal([20], dtype: .float64), generator.normal([3]),
            generator.integers([5], in: 0..<1000), generator.permutation(6),
            generator.bernoulli(Tensor.full([8], 0.5)), generator.categorical(Tensor.ones([2, 9]), draws: 3),
        ].flatMap { $0.array(of: Double.self) }
    }

    @Test func equalSeedsGiveEqualSequences() {
        var a = RandomGenerator(seed: 17)
        var b = RandomGenerator(seed: 17)
        #expect(sample(&a) == sample(&b))
        #expect(sample(&a) == sample(&b))
    }

    @Test(arguments: [18, 17 + 1 << 32, .max] as [UInt64])
    func otherSeedsGiveOtherSequences(_ seed: UInt64) {
        var a = RandomGenerator(seed: 17)
        var b = RandomGenerator(seed: seed)
        #expect(sample(&a) != sample(&b))
    }

    @Test func sequenceIsThatOfTorch() {
        // torch.manual_seed(1); torch.rand(3)
        var generator = RandomGenerator(seed: 1)
        expectClose(generator.uniform([3]), Tensor([0.7576, 0.2793, 0.4031]), absolute: 5e-5)
    }

    @Test func copiesContinueByThemselves() {
        var original = RandomGenerator(seed: 3)
        _ = sample(&original)
        var copy = original
        let third = copy
        let expected = sample(&original)
        #expect(sample(&copy) == expected)
        #expect(sample(&original) == sample(&copy))
        var late = third
        #expect(sample(&late) == expected)
    }

    @Test func stateIsSavedAndRestored() {
        var generator = RandomGenerator(seed: 5)
        // An odd number of normal numbers leaves a second one of a pair behind, which belongs to the state.
        _ = generator.normal([3])
        let state = generator.state
        let expected = sample(&generator)
        var other = RandomGenerator(seed: 99)
        let untouched = other
        other.state = state
        #expect(sample(&other) == expected)
        var fresh = RandomGenerator(seed: 99)
        var copy = untouched
        #expect(sample(&copy) == sample(&fresh))
        generator.state = state
        #expect(generator.state == state)
        #expect(sample(&generator) == expected)
    }

    /// Where something of a state's bytes is changed, and how it is refused.
    static let damages: [(at: Int, bytes: [UInt8], reason: String)] = [
        // The rest of the twister's words: none, too many, not as many as its position leaves.
        (8, [0, 0, 0, 0], "position"), (8, [255, 255, 255, 255], "position"), (8, [0x70, 2, 0, 0], "position"),
        (12, [0], "position"), (12, [2], "position"), (16, [0, 0, 1], "position"),
        (16, [255, 255, 255, 255, 255, 255, 255, 255], "position"),
        (24 + 4, [1], "a word of it has more than 32 bits"),
        (24, [UInt8](repeating: 0, count: 624 * 8), "all of its words are zero"),
        (24 + 4992 + 8, [0, 0, 0, 0, 0, 0, 0xf8, 0x7f], "a normal number in it is not finite"),
        (5040, [2], "left over"), (5048, [0, 0, 0x80, 0x7f], "not finite"), (5052, [7], "left over"),
    ]

    @Test(arguments: damages.indices) func damagedStatesAreRefused(index: Int) {
        let (place, bytes, reason) = Self.damages[index]
        var generator = RandomGenerator(seed: 5)
        _ = generator.uniform([10])
        var untouched = generator
        var state = generator.state
        state.replaceSubrange(place..<place + bytes.count, with: bytes)
        let error = #expect(throws: RandomGeneratorStateError.self) { try generator.restore(state) }
        #expect(error?.reason.contains(reason) == true)
        #expect(sample(&generator) == sample(&untouched))
    }

    @Test(arguments: [0, 1, 16, 5055, 5057, 100_000]) func statesOfAnotherLengthAreRefused(length: Int) {
        var generator = RandomGenerator(seed: 5)
        let error = #expect(throws: RandomGeneratorStateError.self) {
            try generator.restore([UInt8](repeating: 1, count: length))
        }
        #expect(
            error?.description
                == "the bytes are no state of a random generator on cpu: there are \(length) bytes, not the 5056 of a "
                + "state: use a state that was saved on the same kind of device")
    }

    /// Wherever in its block of numbers a generator stands, with or without half of a pair left over.
    @Test func allStatesAreRestored() throws {
        var generator = RandomGenerator(seed: 6)
        for step in 0..<1300 {
            var other = RandomGenerator(seed: 0)
            try other.restore(generator.state)
            #expect(other.state == generator.state)
            _ = step % 100 == 0 ? generator.normal([1], dtype: .float64) : generator.uniform([1])
            if step % 7 == 0 { _ = generator.normal([1]) }
        }
    }

    @Test func splitGeneratorsDiffer() {
        var parent = RandomGenerator(seed: 7)
        var same = RandomGenerator(seed: 7)
        var first = parent.split()
        var second = parent.split()
        var again = same.split()
        let numbers = sample(&first)
        #expect(sample(&again) == numbers)
        #expect(sample(&second) != numbers)
        #expect(sample(&parent) != numbers)
    }

    /// Checks mean and variance of many numbers within five standard errors.
    private func expectMoments(
        _ numbers: Tensor, mean: Double, variance: Double, fourthMoment: Double,
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let x = numbers.to(.float64)
        let n = Double(x.count)
        let meanError = (x.mean().scalar - mean).magnitude
        let varianceError = (x.variance().scalar - variance).magnitude
        #expect(meanError < 5 * (variance / n).squareRoot(), sourceLocation: sourceLocation)
        let spread = fourthMoment - variance * variance
        #expect(varianceError < 5 * (spread / n).squareRoot(), sourceLocation: sourceLocation)
    }

    @Test(arguments: [DType.float32, .float64]) func momentsOfTheDistributions(_ dtype: DType) {
        var generator = RandomGenerator(seed: 11)
        let uniform = generator.uniform([100, 200], in: -1..<3, dtype: dtype)
        #expect(uniform.dtype == dtype && uniform.shape == [100, 200])
        #expect((uniform .>= -1).all() && (uniform .< 3).all())
        expectMoments(uniform, mean: 1, variance: 4.0 / 3, fourthMoment: 16.0 / 5)
        let normal = generator.normal([20_000], mean: -2, standardDeviation: 0.5, dtype: dtype)
        #expect(normal.dtype == dtype)
        expectMoments(normal, mean: -2, variance: 0.25, fourthMoment: 3.0 / 16)
        let ones = generator.bernoulli(Tensor.full([20_000], 0.3, dtype: dtype))
        #expect(((ones .== 0) .| (ones .== 1)).all() && ones.dtype == dtype)
        expectMoments(ones, mean: 0.3, variance: 0.21, fourthMoment: 0.21 * (0.027 + 0.343))
        let signs = generator.signs(like: Tensor.zeros([20_000], dtype: dtype))
        #expect((signs.abs() .== 1).all() && signs.dtype == dtype)
        #expect(signs.sum().scalar.magnitude < 5 * 20_000.0.squareRoot())
    }

    @Test func integersFillTheirRange() {
        var generator = RandomGenerator(seed: 12)
        let numbers = generator.integers([20_000], in: -2..<3)
        #expect(numbers.dtype == .int64)
        let counts = (numbers + 2).occurrences(classes: 5)
        #expect(((counts - 4000).abs() .< 300).all())
        #expect(generator.integers([3], in: 7..<8).array() == [7, 7, 7])
        #expect((generator.integers([10], in: 0..<Int.max) .> 1e12).any())
    }

    @Test func permutationsHoldEveryNumberOnce() {
        var generator = RandomGenerator(seed: 13)
        let order = generator.permutation(100)
        #expect(order.array().sorted() == Array(0..<100))
        #expect(order.array() != Array(0..<100))
        #expect(generator.permutation(0).shape == [0])
    }

    @Test func classesAreDrawnByTheirWeight() {
        var generator = RandomGenerator(seed: 14)
        let weights = Tensor([1.0, 0, 3, 0, 0, 2], shape: [2, 3])
        let draws = generator.categorical(weights, draws: 10_000)
        #expect(draws.dtype == .int64 && draws.shape == [2, 10_000])
        let counts = draws[0].occurrences(classes: 3).array(of: Int.self)
        #expect(counts[1] == 0 && (counts[0] - 2500).magnitude < 220)
        #expect((draws[1] .== 2).all())
        #expect(generator.categorical(weights).shape == [2, 1])
    }

    @Test func drawsAreOutsideTheGraph() {
        var generator = RandomGenerator(seed: 15)
        let probabilities = Tensor.full([4], 0.5).requiringGradient()
        #expect(!generator.bernoulli(probabilities * 1).requiresGradient)
        #expect(!generator.categorical(probabilities * 1).requiresGradient)
        #expect(!generator.normal([2]).requiresGradient)
    }

    @Test func copiesAreUsedOnSeveralThreads() async {
        let start = RandomGenerator(seed: 16)
        let results = await withTaskGroup(of: [Double].self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var mine = start
                    return (0..<50).map { _ in mine.normal([4]).sum().scalar }
                }
            }
            return await group.reduce(into: []) { $0.append($1) }
        }
        #expect(results.allSatisfy { $0 == results[0] })
    }
}
