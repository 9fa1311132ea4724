import TestSupport
import Testing
import Torch

/// Operations in place whose operands are views of the memory that they write: each must do what it does with a copied
/// operand, whatever the order in which the linked library computes.
@Suite("Operands that share memory with the destination")
struct SharedMemoryTests {
    @Test(arguments: Views.matrices + Views.batches, InPlace.allCases)
    func equalsACopiedOperand(views: Views, operation: InPlace) {
        for n in [3, 64] {
            for dtype in [DType.float32, .float64] {
                let memory = randomTensor(views.isBatch ? [4, n, n] : [2 * n, 2 * n], seed: 1, dtype: dtype) + 8
                let other = randomTensor(views.isBatch ? [2, n, n] : [n, n], seed: 2, dtype: dtype) + 8
                let expected = memory.copy()
                guard operation.canWrite(views.target(memory, n)) else { continue }
                operation.run(views.target(expected, n), views.operand(memory, n).copy(), other)
                operation.run(views.target(memory, n), views.operand(memory, n), other)
                // Operands that lie otherwise in memory are multiplied in another order.
                expectClose(
                    memory, expected, relative: dtype == .float32 ? 1e-5 : 1e-13, absolute: 0,
                    "\(operation) of \(views), \(n) x \(n)")
            }
        }
    }

    @Test func columnsMoveBesideThemselves() {
        let x = Tensor.range(0..<8).reshaped([2, 4])
        x[.all, 1..<4] = x[.all, 0..<3]
        #expect(x.array() == [0, 0, 1, 2, 4, 4, 5, 6])
        x[.all, 0..<3] = x[.all, 1..<4]
        #expect(x.array() == [0, 1, 2, 2, 4, 5, 6, 6])
        let square = Tensor.range(0..<9).reshaped([3, 3])
        square.assign(square.transposed())
        #expect(square.array() == [0, 3, 6, 1, 4, 7, 2, 5, 8])
        square.add(inPlace: square[0])
        #expect(square.array() == [0, 6, 12, 1, 7, 13, 2, 8, 14])
    }

    /// Nothing that is read with a conversion of its type is written meanwhile either.
    @Test func integersAndTruthValues() {
        let x = Tensor.range(0..<6)
        x[1...].add(inPlace: x[..<5], scale: 2)
        #expect(x.array() == [0, 1, 4, 7, 10, 13])
        let flags = Tensor([true, false, false])
        flags[1...].assign(flags[..<2])
        #expect(flags.array() == [true, true, false])
    }

    @Test(arguments: [0, 1, 2]) func secondMomentsOfSeveralGroups(number: Int) {
        let registerBytes = [0, 32, 64][number]
        for n in [2, 8, 40] {
            let memory = randomTensor([3, n, n], seed: UInt64(n))
            let symmetric = memory + memory.transposed()
            let expected = symmetric.copy()
            // Each group's vectors are the matrix of the group before, which is written meanwhile.
            let vectors = symmetric[..<2].reshaped([1, 2 * n, n])
            expected[1...].formSum(
                withSecondMomentOf: vectors.copy(), beta: 0.5, alpha: 2, registerBytes: registerBytes)
            symmetric[1...].formSum(withSecondMomentOf: vectors, beta: 0.5, alpha: 2, registerBytes: registerBytes)
            expectClose(symmetric, expected, relative: 1e-13, absolute: 1e-13)
        }
    }

    @Test func secondMomentOfNoVectors() {
        for registerBytes in [0, 32, 64] {
            let target = Tensor.full([1, 9, 9], .nan, dtype: .float64)
            target.formSum(
                withSecondMomentOf: Tensor.zeros([0, 9, 4], dtype: .float64), beta: 0, alpha: 1,
                registerBytes: registerBytes)
            #expect(target.array() == [Double](repeating: 0, count: 81))
            target.fill(2)
            target.formSum(
                withSecondMomentOf: Tensor.zeros([3, 9, 0], dtype: .float64), beta: 0.5, alpha: 1,
                registerBytes: registerBytes)
            #expect(target.array() == [Double](repeating: 1, count: 81))
        }
    }

    /// Everything is read before anything is written, and what is given is not the snapshot's own.
    @Test func snapshotOfItsOwnTargets() throws {
        let (a, b) = (Tensor([1.0, 2]), Tensor([3.0, 4]))
        let reader = SnapshotReader(Snapshot(tensors: ["a": b, "b": a, "c": a]), of: "the pair")
        reader.tensor("a", into: a)
        reader.tensor("b", into: b)
        var c: Tensor?
        reader.tensor("c", like: a) { c = $0 }
        try reader.finish()
        #expect(a.array() == [3.0, 4])
        #expect(b.array() == [1.0, 2])
        #expect(c?.array() == [1.0, 2])
        c?.fill(9)
        #expect(a.array() == [3.0, 4])
    }

    @Test func runningStatisticsThatAreTheInput() {
        for n in [2, 64] {
            let memory = randomTensor([n + 2, 3], seed: 3)
            let expected = memory.copy()
            let normalized = batchNormalization(
                memory[2...].copy(), runningMean: expected[2], runningVariance: expected[3], training: true)
            let shared = batchNormalization(
                memory[2...], runningMean: memory[2], runningVariance: memory[3], training: true)
            expectClose(shared, normalized, relative: 1e-12, absolute: 1e-12)
            expectClose(memory, expected, relative: 1e-12, absolute: 1e-12)
        }
    }
}

/// A tensor that is written, and one of its shape that is read, in one piece of memory.
struct Views: Sendable, CustomTestStringConvertible {
    let name: String
    let isBatch: Bool
    let target: @Sendable (_ memory: Tensor, _ n: Int) -> Tensor
    let operand: @Sendable (_ memory: Tensor, _ n: Int) -> Tensor

    var testDescription: String { name }

    /// Of matrices [n, n] in a matrix of twice the extents.
    static let matrices: [Views] = [
        of("the same view", { $0[..<$1, ..<$1] }, { $0[..<$1, ..<$1] }),
        of("the same matrix without gaps", { flat($0, from: 1, $1) }, { flat($0, from: 1, $1) }),
        of("the row after", { $0[1...$1, ..<$1] }, { $0[..<$1, ..<$1] }),
        of("the row before", { $0[..<$1, ..<$1] }, { $0[1...$1, ..<$1] }),
        of("the column after", { $0[..<$1, 1...$1] }, { $0[..<$1, ..<$1] }),
        of("the column before", { $0[..<$1, ..<$1] }, { $0[..<$1, 1...$1] }),
        of("the element after", { flat($0, from: 1, $1) }, { flat($0, from: 0, $1) }),
        of("the element before", { flat($0, from: 0, $1) }, { flat($0, from: 1, $1) }),
        of("the transposed", { $0[..<$1, ..<$1] }, { $0[..<$1, ..<$1].transposed() }),
        of("the transposed without gaps", { flat($0, from: 0, $1) }, { flat($0, from: 0, $1).transposed() }),
        of("transposed target", { flat($0, from: 0, $1).transposed() }, { flat($0, from: 0, $1) }),
        of("overlapping blocks", { $0[1...$1, 1...$1] }, { $0[..<$1, ..<$1] }),
        of("overlapping blocks, transposed", { $0[1...$1, ..<$1] }, { $0[..<$1, 1...$1].transposed() }),
        of("blocks beside one another", { $0[..<$1, ..<$1] }, { $0[..<$1, $1...] }),
        of("a row for all", { $0[..<$1, ..<$1] }, { $0[$1 - 1, ..<$1].broadcast(to: [$1, $1]) }),
        of("a column for all", { $0[..<$1, ..<$1] }, { $0[..<$1, 1..<2].broadcast(to: [$1, $1]) }),
        of("an element for all", { $0[..<$1, ..<$1] }, { $0[1, 1].broadcast(to: [$1, $1]) }),
        of("the diagonal for all", { $0[..<$1, ..<$1] }, { $0.diagonal()[..<$1].broadcast(to: [$1, $1]) }),
        of("windows", { $0[..<$1, ..<$1] }, { $0.flattened().windows(along: 0, size: $1)[..<$1] }),
        of("every second row", { $0[.every(2), ..<$1] }, { $0[..<$1, ..<$1] }),
        of("from every second row", { $0[..<$1, ..<$1] }, { $0[.every(2), ..<$1] }),
        of("every second column", { $0[..<$1, .every(2)] }, { $0[..<$1, ..<$1] }),
        of("columns between", { $0[..<$1, .every(2)] }, { $0[..<$1, 1...][.all, .every(2)] }),
        of("reshaped", { flat($0, from: 0, $1) }, { $0[..<$1, ..<$1] }),
    ]

    /// Of batches [2, n, n] in one of four matrices.
    static let batches: [Views] = [
        of("the same matrices", isBatch: true, { view, _ in view[..<2] }, { view, _ in view[..<2] }),
        of("the matrices before", isBatch: true, { view, _ in view[1..<3] }, { view, _ in view[..<2] }),
        of("the matrices after", isBatch: true, { view, _ in view[..<2] }, { view, _ in view[1..<3] }),
        of("transposed matrices", isBatch: true, { view, _ in view[..<2] }, { view, _ in view[..<2].transposed() }),
        of("a matrix for all", isBatch: true, { view, _ in view[..<2] }, { $0[1].broadcast(to: [2, $1, $1]) }),
        of("every second matrix", isBatch: true, { view, _ in view[.every(2)] }, { view, _ in view[1..<3] }),
        of(
            "matrices beside one another", isBatch: true, { view, _ in view[..<2] },
            { view, n in view.reshaped([2, 2 * n, n])[.all, 1...n] }),
    ]

    private static func of(
        _ name: String, isBatch: Bool = false, _ target: @escaping @Sendable (Tensor, Int) -> Tensor,
        _ operand: @escaping @Sendable (Tensor, Int) -> Tensor
    ) -> Views {
        Views(name: name, isBatch: isBatch, target: target, operand: operand)
    }

    private static func flat(_ memory: Tensor, from first: Int, _ n: Int) -> Tensor {
        memory.flattened()[first..<(first + n * n)].reshaped([n, n])
    }
}

/// What writes into memory that exists and reads operands.
enum InPlace: CaseIterable, Sendable {
    case assign, add, addProduct, addProductLeft, addProductRight
    case addQuotient, addQuotientLeft, addQuotientRight, interpolate
    case formSum, formSumLeft, formSumRight
    case secondMomentOfColumns, secondMomentOfRows, secondMomentByLibrary

    func canWrite(_ target: Tensor) -> Bool {
        switch self {
        case .secondMomentOfColumns, .secondMomentOfRows, .secondMomentByLibrary: target.strides.last == 1
        default: true
        }
    }

    func run(_ target: Tensor, _ operand: Tensor, _ other: Tensor) {
        switch self {
        case .assign: target.assign(operand)
        case .add: target.add(inPlace: operand, scale: 0.5)
        case .addProduct: target.add(inPlaceProductOf: operand, operand, scale: 0.5)
        case .addProductLeft: target.add(inPlaceProductOf: operand, other, scale: 0.5)
        case .addProductRight: target.add(inPlaceProductOf: other, operand, scale: 0.5)
        case .addQuotient: target.add(inPlaceQuotientOf: operand, operand, scale: 0.5)
        case .addQuotientLeft: target.add(inPlaceQuotientOf: operand, other, scale: 0.5)
        case .addQuotientRight: target.add(inPlaceQuotientOf: other, operand, scale: 0.5)
        case .interpolate: target.interpolate(inPlaceTowards: operand, weight: 0.25)
        case .formSum: target.formSum(withProductOf: operand, operand, beta: 0.5, alpha: 2)
        case .formSumLeft: target.formSum(withProductOf: operand, other, beta: 0.5, alpha: 2)
        case .formSumRight: target.formSum(withProductOf: other, operand, beta: 0, alpha: 2)
        case .secondMomentOfColumns: formSecondMoment(target, operand, registerBytes: 64)
        case .secondMomentOfRows: formSecondMoment(target, operand.transposed(), registerBytes: 32)
        case .secondMomentByLibrary: formSecondMoment(target, operand, registerBytes: 0)
        }
    }

    private func formSecondMoment(_ target: Tensor, _ operand: Tensor, registerBytes: Int) {
        let n = target.shape[target.rank - 1]
        target.reshaped([-1, n, n]).formSum(
            withSecondMomentOf: operand.reshaped([1, -1, n]), beta: 0.5, alpha: 2, registerBytes: registerBytes)
    }
}
