import TestSupport
import Testing
import Torch

@Suite("Repeated random numbers")
struct RandomReplayTests {
    private struct Stop: Error {}

    /// Owns a generator that is read and written as a whole at each draw.
    private final class Owner {
        private var stored = RandomGenerator(seed: 1)
        var generator: RandomGenerator {
            get { stored }
            set { stored = newValue }
        }
    }

    private func numbers(_ generator: inout RandomGenerator, _ count: Int = 3) -> [Double] {
        generator.normal([count], dtype: .float64).array(of: Double.self)
    }

    @Test func furtherRunsRepeatTheFirst() {
        var (a, b) = (RandomGenerator(seed: 1), RandomGenerator(seed: 2))
        var (expectedA, expectedB) = (a, b)
        let replay = RandomReplay()
        func run() -> [[Double]] {
            replay.run {
                [
                    numbers(&a), numbers(&b), numbers(&a, 5), a.permutation(9).array(of: Double.self),
                    b.bernoulli(Tensor.full([7], 0.5)).array(of: Double.self),
                ]
            }
        }
        let first = run()
        // As without a replay, and once only.
        #expect(
            first[0] == numbers(&expectedA) && first[1] == numbers(&expectedB) && first[2] == numbers(&expectedA, 5))
        _ = (expectedA.permutation(9), expectedB.bernoulli(Tensor.full([7], 0.5)))
        for _ in 0..<3 {
            #expect(run() == first)
            #expect(a.state == expectedA.state && b.state == expectedB.state)
        }
        #expect(numbers(&a) == numbers(&expectedA))
    }

    /// Copies in the closure, generators that are handed through a property, derived ones, and ones made anew.
    @Test func generatorsOfAllKinds() {
        let owner = Owner()
        var shared = RandomGenerator(seed: 2)
        let twin = shared
        let replay = RandomReplay()
        func run() -> [[Double]] {
            replay.run {
                var copy = shared
                var made = RandomGenerator(seed: 5)
                var derived = owner.generator.split()
                var other = twin
                return [
                    numbers(&copy), numbers(&owner.generator), numbers(&copy), numbers(&shared), numbers(&made),
                    numbers(&derived), numbers(&owner.generator), numbers(&other),
                ]
            }
        }
        let first = run()
        #expect(first[0] == first[3] && first[0] == first[7] && first[1] != first[6])
        let state = (owner.generator.state, shared.state)
        #expect(run() == first)
        #expect(owner.generator.state == state.0 && shared.state == state.1)
    }

    @Test func runsAreKeptApartByNumber() {
        var generator = RandomGenerator(seed: 1)
        let replay = RandomReplay()
        func run(_ number: Int) -> [Double] { replay.run(number) { numbers(&generator) } }
        let (first, second) = (run(0), run(1))
        #expect(first != second)
        #expect(run(1) == second && run(0) == first)
        // Outside of runs nothing is repeated, nor by another replay.
        let other = RandomReplay()
        #expect(other.run { numbers(&generator) } != first)
        #expect(numbers(&generator) != second)
    }

    /// On a part of the batch, a draw starts where the whole batch's did, and moves nothing.
    @Test func drawsOfOtherShapes() {
        var generator = RandomGenerator(seed: 1)
        let replay = RandomReplay()
        func run(_ rows: Int) -> [Tensor] {
            replay.run { (0..<2).map { _ in generator.bernoulli(Tensor.full([rows, 4], 0.5)) } }
        }
        let whole = run(6)
        let state = generator.state
        let part = run(2)
        for (part, whole) in zip(part, whole) {
            #expect(part.array(of: Float.self) == whole[0..<2].array(of: Float.self))
        }
        #expect(generator.state == state)
    }

    @Test func drawsBeyondTheFirstRunsGoOn() {
        var generator = RandomGenerator(seed: 1)
        let replay = RandomReplay()
        let first = replay.run { numbers(&generator) }
        let more = replay.run { [numbers(&generator), numbers(&generator), numbers(&generator)] }
        #expect(more[0] == first && more[1] != first && more[2] != more[1])
    }

    @Test func aFirstRunThatThrowsIsForgotten() throws {
        var generator = RandomGenerator(seed: 1)
        let replay = RandomReplay()
        #expect(throws: Stop.self) {
            try replay.run { () throws(Stop) in
                _ = numbers(&generator)
                throw Stop()
            }
        }
        let state = generator.state
        let first = replay.run { numbers(&generator) }
        #expect(generator.state != state)
        #expect(throws: Stop.self) {
            try replay.run { () throws(Stop) in
                _ = numbers(&generator)
                throw Stop()
            }
        }
        #expect(replay.run { numbers(&generator) } == first)
    }

    @Test func tasksOfTheRunDrawByThemselves() async {
        let replay = RandomReplay()
        func run() -> Task<[Double], Never> {
            replay.run {
                Task {
                    var generator = RandomGenerator(seed: 3)
                    return numbers(&generator)
                }
            }
        }
        let (first, second) = await (run().value, run().value)
        #expect(first == second)
    }
}
