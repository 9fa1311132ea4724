import TestSupport
import Testing
import Torch

@Suite("Indexing and memory")
struct IndexingTests {
    let x = Tensor.range(0..<24).reshaped([2, 3, 4])

    static let reads: [(String, @Sendable (Tensor) -> Tensor, [Int], [Int])] = [
        ("a position", { $0[1, 2, 3] }, [], [23]),
        ("negative positions", { $0[-1, -3, -4] }, [], [12]),
        ("fewer indices than axes", { $0[0, 1] }, [4], [4, 5, 6, 7]),
        ("a range", { $0[0, 1..<3, 2] }, [2], [6, 10]),
        ("a closed range", { $0[0, 0, 1...2] }, [2], [1, 2]),
        ("a range from", { $0[1, 2, 2...] }, [2], [22, 23]),
        ("a range up to", { $0[1, 0, ..<2] }, [2], [12, 13]),
        ("a range through", { $0[1, 0, ...1] }, [2], [12, 13]),
        ("an empty range", { $0[.all, 3..<3] }, [2, 0, 4], []),
        ("every second", { $0[0, 0, .every(2)] }, [2], [0, 2]),
        ("whole axes", { $0[.all, .all, 0] }, [2, 3], [0, 4, 8, 12, 16, 20]),
        ("an ellipsis first", { $0[.ellipsis, -1] }, [2, 3], [3, 7, 11, 15, 19, 23]),
        ("an ellipsis between", { $0[0, .ellipsis, 1] }, [3], [1, 5, 9]),
        ("an ellipsis for nothing", { $0[0, 0, .ellipsis, 0] }, [], [0]),
        ("a new axis first", { $0[.newAxis, 0, 0, 0] }, [1], [0]),
        ("a new axis between", { $0[0, .newAxis, 1..<2, 3...] }, [1, 1, 1], [7]),
        ("a new axis last", { $0[0, 0, .ellipsis, .newAxis] }, [4, 1], [0, 1, 2, 3]),
        ("a slice by hand", { $0[0, 0, TensorIndex.slice(start: 1, end: nil, step: 2)] }, [2], [1, 3]),
    ]

    @Test(arguments: reads)
    func picks(_ name: String, _ pick: @Sendable (Tensor) -> Tensor, _ shape: [Int], _ elements: [Int]) {
        #expect(pick(x).shape == shape, "\(name)")
        #expect(pick(x).array() == elements, "\(name)")
    }

    @Test func writesGoToTheMemory() {
        let x = Tensor.zeros([2, 3], dtype: .int64)
        x[0] = Tensor([1, 2, 3])
        x[1, -1] = Tensor(9)
        x[.all, 1] = Tensor([7.9, 8])
        #expect(x.array() == [1, 7, 3, 0, 8, 9])
        x[.ellipsis, ..<1] = Tensor([5])
        #expect(x.array() == [5, 7, 3, 5, 8, 9])
        x[1] += Tensor([1, 1, 1])
        x[0] *= 2
        #expect(x.array() == [10, 14, 6, 6, 9, 10])
    }

    @Test func viewsShareMemory() {
        let x = Tensor.zeros([2, 2])
        let row = x[1]
        let turned = x.transposed()
        row.fill(3)
        #expect(x.array() == [Float(0), 0, 3, 3])
        #expect(turned.array() == [Float(0), 3, 0, 3])
        x.reshaped([4])[0] = Tensor(Float(7))
        #expect(x[0, 0].scalar == 7)
    }

    @Test func operatorsLeaveSharedMemoryAlone() {
        let x = Tensor([1.0, 2])
        var y = x
        y += Tensor([1.0, 1])
        y -= 1
        y *= Tensor([2.0, 2])
        y /= 4
        #expect(x.array() == [1.0, 2])
        #expect(y.array() == [0.5, 1])
        #expect(x.id != y.id)
    }

    @Test func writesInPlaceAreSeenByCopies() {
        let x = Tensor([1.0, 2])
        let alias = x
        let copy = x.copy()
        let detached = x.detached()
        #expect(alias.id == x.id)
        x.add(inPlace: Tensor([1.0, 1]), scale: 2)
        #expect(alias.array() == [3.0, 4])
        x.add(inPlace: -1)
        #expect(alias.array() == [2.0, 3])
        x.multiply(inPlace: 0.5)
        #expect(alias.array() == [1.0, 1.5])
        x.add(inPlaceProductOf: Tensor([2.0, 2]), Tensor([1.0, 3]), scale: 0.5)
        #expect(alias.array() == [2.0, 4.5])
        x.add(inPlaceQuotientOf: Tensor([2.0, 9]), Tensor([4.0, 3]), scale: 2)
        #expect(alias.array() == [3.0, 10.5])
        x.add(inPlaceQuotientOf: Tensor([2.0, 9]), Tensor([4.0, 3]), scale: -2)
        x.interpolate(inPlaceTowards: Tensor([4.0, 0.5]), weight: 0.25)
        #expect(alias.array() == [2.5, 3.5])
        #expect(detached.array() == [2.5, 3.5])
        x.assign(Tensor([Float(8)]))
        #expect(alias.array() == [8.0, 8])
        x.fill(0.5)
        #expect(alias.array() == [0.5, 0.5])
        #expect(copy.array() == [1.0, 2])
    }

    @Test func integersAreWrittenInPlace() {
        let x = Tensor([1, 2])
        x.add(inPlace: Tensor([1, 1]), scale: -2)
        x.add(inPlace: 3)
        x.multiply(inPlace: 2)
        x.add(inPlaceProductOf: Tensor([1, 2]), Tensor([3, 4]), scale: -1)
        #expect(x.array() == [1, -2])
    }

    @Test func formSumWritesIntoAView() {
        let x = Tensor.ones([4, 4], dtype: .float64)
        // The operand shares the element [1, 1], which is 1 when it is read.
        x[1..<3, 1..<3].formSum(withProductOf: Tensor.identity(2, dtype: .float64), x[..<2, ..<2], beta: 2, alpha: 3)
        #expect(x.array() == [1.0, 1, 1, 1, 1, 5, 5, 1, 1, 5, 5, 1, 1, 1, 1, 1])
    }
}
