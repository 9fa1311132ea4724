import TestSupport
import Testing
import Torch

@Suite("Destinations that overlap themselves")
struct OverlappingDestinationTests {
    /// What writes, with its name in the reason.
    static let operations: [(name: String, run: @Sendable (Tensor) -> Void)] = [
        ("assign", { $0.assign(Tensor.ones([3, 3])) }),
        ("fill", { $0.fill(1) }),
        ("add(inPlace:)", { $0.add(inPlace: 1) }),
        ("add(inPlace:)", { $0.add(inPlace: Tensor.ones([3, 3])) }),
        ("multiply(inPlace:)", { $0.multiply(inPlace: 2) }),
        ("add(inPlaceProductOf:)", { $0.add(inPlaceProductOf: Tensor.ones([3, 3]), Tensor.ones([3, 3])) }),
        ("add(inPlaceQuotientOf:)", { $0.add(inPlaceQuotientOf: Tensor.ones([3, 3]), Tensor.ones([3, 3])) }),
        ("interpolate(inPlaceTowards:)", { $0.interpolate(inPlaceTowards: Tensor.ones([3, 3]), weight: 0.5) }),
        ("formSum(withProductOf:)", { $0.formSum(withProductOf: Tensor.ones([3, 3]), Tensor.ones([3, 3])) }),
        (
            "formSum(withProductOf:)",
            { $0.expanded(at: 0).formSum(withProductOf: Tensor.ones([1, 3, 3]), Tensor.ones([1, 3, 3])) }
        ),
        (
            "formSum(withSecondMomentOf:)",
            { $0.expanded(at: 0).formSum(withSecondMomentOf: Tensor.ones([1, 3, 5]), beta: 0, alpha: 1) }
        ),
    ]

    @Test func operationsRefuseWindows() async {
        await #expect(processExitsWith: .success) {
            for (name, run) in Self.operations {
                expectTrap("\(name)(float32[", "the destination overlaps itself") {
                    run(Tensor.ones([5]).windows(along: 0, size: 3))
                }
            }
        }
    }

    /// Views of a matrix [6, 6] in which several indices share an address, by strides of 0 and by others.
    static let overlapping: [@Sendable (Tensor) -> Tensor] = [
        { $0[0].broadcast(to: [6, 6]) },
        { $0[.all, 0..<1].broadcast(to: [6, 6]) },
        { $0.windows(along: 0, size: 2) },
        { $0.windows(along: 1, size: 3, step: 2) },
        { $0.flattened().windows(along: 0, size: 8, step: 4) },
        // Strides 3 and 2: the third window begins where the first one ends.
        { $0.flattened().windows(along: 0, size: 7, step: 3)[..<3, .every(2)] },
        { $0.transposed().windows(along: 1, size: 2).transposed(0, 2) },
    ]

    @Test func viewsThatOverlapAreRefused() async {
        await #expect(processExitsWith: .success) {
            for view in Self.overlapping {
                expectTrap("add(inPlace:)(float32[", "the destination overlaps itself") {
                    view(Tensor.ones([6, 6])).add(inPlace: 1)
                }
            }
        }
    }

    @Test func runningStatisticsAreRefused() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = batchNormalization(
                Tensor.ones([4, 3]), runningMean: Tensor.zeros([1]).broadcast(to: [3]),
                runningVariance: Tensor.ones([3]), training: true)
        }
        expectStandardError(result, "assign(float32[3]", "the destination overlaps itself")
    }

    /// Views with gaps, and others whose strides alone do not tell that no two indices share an address.
    static let disjoint: [@Sendable (Tensor) -> Tensor] = [
        { $0[1..<4, 2..<5] },
        { $0.transposed()[.every(2), 1...] },
        { $0.diagonal() },
        { $0[.newAxis, 0].broadcast(to: [1, 6]) },
        { $0[..<0].broadcast(to: [0, 6]) },
        { $0.windows(along: 0, size: 2, step: 2) },
        { $0.flattened().windows(along: 0, size: 3, step: 3).transposed() },
        // Strides 3 and 2, too short to meet.
        { $0.flattened().windows(along: 0, size: 5, step: 3)[.all, .every(2)] },
        { $0.flattened().windows(along: 0, size: 7, step: 3)[..<2, .every(2)] },
        // Strides 1 and 1, of one index.
        { $0.flattened().windows(along: 0, size: 4)[2..<3] },
    ]

    @Test(arguments: disjoint.indices) func viewsThatDoNotOverlapAreWritten(number: Int) {
        let memory = Tensor.range(0..<36).reshaped([6, 6])
        let view = Self.disjoint[number](memory)
        let before = view.copy()
        view.add(inPlace: 100)
        #expect(view.array(of: Int.self) == before.array(of: Int.self).map { $0 + 100 })
        #expect(memory.sum().array(of: Int.self)[0] == 630 + 100 * view.count)
    }
}
