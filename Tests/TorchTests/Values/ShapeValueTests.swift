import TestSupport
import Testing
import Torch

@Suite("Values of views, joins and choices")
struct ShapeValueTests {
    let x = Tensor.range(0..<6).reshaped([2, 3])

    @Test func shapesChange() {
        #expect(x.reshaped([3, -1]).shape == [3, 2])
        #expect(x.flattened().array() == [0, 1, 2, 3, 4, 5])
        #expect(x.flattened().shape == [6])
        #expect(Tensor.zeros([2, 3, 4]).flattened(from: 1).shape == [2, 12])
        #expect(Tensor.zeros([0, 3, 4]).flattened(from: 1).shape == [0, 12])
        #expect(Tensor.zeros([2, 3]).flattened(from: 2).shape == [2, 3, 1])
        #expect(Tensor(1.0).flattened().shape == [1])
        #expect(x.transposed().array() == [0, 3, 1, 4, 2, 5])
        #expect(Tensor.zeros([2, 3, 4]).permuted(2, 0, 1).shape == [4, 2, 3])
        #expect(Tensor.zeros([2, 3, 4]).transposed(0, 2).shape == [4, 3, 2])
        #expect(x.expanded(at: 1).shape == [2, 1, 3])
        #expect(x.expanded(at: -1).squeezed(at: 2).shape == [2, 3])
        #expect(Tensor([1, 2], shape: [2, 1]).broadcast(to: [-1, 3]).array() == [1, 1, 1, 2, 2, 2])
    }

    @Test func layoutIsTold() {
        #expect(x.isContiguous && x.strides == [3, 1])
        let view = x.transposed()
        #expect(!view.isContiguous && view.strides == [1, 3])
        #expect(view.contiguous().isContiguous && view.contiguous().strides == [2, 1])
        #expect(view.contiguous().array(of: Int.self) == view.array(of: Int.self))
        #expect(x.contiguous().id == x.id && x.copy().id != x.id)
    }

    @Test func diagonalsAndTriangles() {
        let square = Tensor.range(0..<9).reshaped([3, 3])
        #expect(square.diagonal().array() == [0, 4, 8])
        #expect(square.trace().array() == [12])
        #expect(Tensor([1, 2]).diagonalMatrix().array() == [1, 0, 0, 2])
        #expect(square.lowerTriangle().array() == [0, 0, 0, 3, 4, 0, 6, 7, 8])
        #expect(square.lowerTriangle(-1).array() == [0, 0, 0, 3, 0, 0, 6, 7, 0])
        #expect(square.upperTriangle(1).array() == [0, 1, 2, 0, 0, 5, 0, 0, 0])
        #expect(Tensor.stack([square, square]).diagonal().shape == [2, 3])
        #expect(x.diagonal().array() == [0, 4])
    }

    @Test func elementsMove() {
        #expect(x.flipped(1).array() == [2, 1, 0, 5, 4, 3])
        #expect(x.flipped(0, 1).array() == [5, 4, 3, 2, 1, 0])
        #expect(Tensor.range(0..<5).windows(along: 0, size: 3, step: 2).array() == [0, 1, 2, 2, 3, 4])
        #expect(x.padded([(1, 0)], value: 9).array() == [9, 0, 1, 2, 9, 3, 4, 5])
        #expect(x.padded([(0, 0), (0, 1)]).array() == [0, 1, 2, 3, 4, 5, 0, 0, 0])
        #expect(Tensor.concatenate([x, x[0..<1]]).array() == [0, 1, 2, 3, 4, 5, 0, 1, 2])
        #expect(Tensor.concatenate([x, x], axis: -1).shape == [2, 6])
        #expect(Tensor.stack([x, -x], axis: 2)[1, 2].array() == [5, -5])
    }

    @Test(arguments: [DType.int64, .int32])
    func rowsArePicked(_ indexType: DType) {
        let indices = Tensor([1, 0, 1]).to(indexType)
        #expect(x.gathered(indices).array() == [3, 4, 5, 0, 1, 2, 3, 4, 5])
        #expect(x.gathered(indices, axis: 1).array() == [1, 0, 1, 4, 3, 4])
        let sums = Tensor.zeros([2, 1], dtype: .int64).adding(Tensor([1, 2, 4], shape: [3, 1]), at: indices)
        #expect(sums.array() == [2, 5])
    }

    @Test func classesAreCounted() {
        #expect(x.elements(at: Tensor([2, 0], shape: [2, 1]), along: 1).array() == [2, 3])
        #expect(Tensor([2, 0]).oneHot(classes: 3).array() == [0, 0, 1, 1, 0, 0])
        #expect(Tensor([0, 2, 2, 0], shape: [2, 2]).occurrences(classes: 4).array() == [2, 0, 2, 0])
        #expect(Tensor.zeros([0], dtype: .int64).occurrences(classes: 2).array() == [0, 0])
    }
}
