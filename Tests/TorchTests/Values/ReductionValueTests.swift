import Foundation
import TestSupport
import Testing
import Torch

@Suite("Values of reductions and products")
struct ReductionValueTests {
    let x = Tensor([3.0, -1, 2, 0, 5, 4], shape: [2, 3])

    @Test func reductionsOfAllAxes() {
        #expect(x.sum().scalar == 13)
        #expect(x.sum().shape == [])
        let mean = 13.0 / 6
        expectClose(x.mean(), Tensor(mean))
        #expect(x.max().scalar == 5)
        #expect(x.min().scalar == -1)
        expectClose(x.variance(), Tensor(55.0 / 6 - mean * mean))
        expectClose(x.norm(), Tensor(55.0.squareRoot()))
        let exponentials = [3.0, -1, 2, 0, 5, 4].map { Foundation.exp($0) }
        expectClose(x.logSumExp(), Tensor(Foundation.log(exponentials.reduce(0, +))))
        #expect(x.sum(keepingAxes: true).shape == [1, 1])
    }

    @Test func reductionsOfSomeAxes() {
        #expect(x.sum(0).array() == [3.0, 4, 6])
        #expect(x.sum(-1).array() == [4.0, 9])
        #expect(x.sum(0, 1).array() == [13.0])
        #expect(x.sum(axes: []).scalar == 13)
        #expect(x.mean(1, keepingAxes: true).shape == [2, 1])
        #expect(x.max(0).array() == [3.0, 5, 4])
        #expect(x.min(1).array() == [-1.0, 0])
        expectClose(x.variance(0), Tensor([2.25, 9, 1]))
        expectClose(x.logSumExp(1).exp(), x.exp().sum(1))
        #expect(Tensor.zeros([0, 3]).sum(0).array() == [Float](repeating: 0, count: 3))
    }

    @Test func reductionsOfRankZero() {
        let x = Tensor(2.5)
        for value in [x.sum(), x.mean(), x.max(), x.min(), x.logSumExp(), x.norm()] { #expect(value.scalar == 2.5) }
        #expect(x.variance().scalar == 0)
    }

    @Test(arguments: [DType.int64, .int32, .uint8, .bool])
    func sumsOfIntegersAreWide(_ dtype: DType) {
        let sum = Tensor.ones([300], dtype: dtype).sum()
        #expect(sum.dtype == .int64)
        #expect(sum.array() == [300])
    }

    @Test func truthValuesReduce() {
        #expect((x .> -2).all() && !(x .> 0).all() && (x .> 4).any() && !(x .> 5).any())
        #expect(Tensor.zeros([0], dtype: .bool).all() && !Tensor.zeros([0], dtype: .bool).any())
        #expect(Tensor([UInt8](repeating: 1, count: 256)).all())
    }

    @Test func positionsAndRunningSums() {
        #expect(x.argmax().array() == [0, 1])
        #expect(x.argmax(axis: 0).array() == [0, 1, 1])
        #expect(x.sortedIndices().array() == [1, 2, 0, 0, 2, 1])
        #expect(x.sortedIndices(descending: true).array() == [0, 2, 1, 1, 2, 0])
        #expect(x.sortedIndices(axis: 0, descending: true).array() == [0, 1, 1, 1, 0, 0])
        #expect(x.cumulativeSum(axis: 1).array() == [3.0, 2, 4, 0, 5, 9])
        let softmax = x.softmax(axis: 0)
        expectClose(softmax.sum(0), Tensor.ones([3], dtype: .float64))
        expectClose(softmax.log(), x.logSoftmax(axis: 0))
        expectClose(softmax[0, 0], Tensor(1 / (1 + Foundation.exp(-3.0))))
    }

    @Test func productsOfMatrices() {
        let a = Tensor([1.0, 2, 3, 4, 5, 6], shape: [2, 3])
        #expect(a.matmul(a.transposed()).array() == [14.0, 32, 32, 77])
        #expect(a.matmul(Tensor([1.0, 0, -1])).array() == [-2.0, -2])
        #expect(a.dot(a).scalar == 91)
        #expect(Tensor.einsum("ij,ij->i", a, a).array() == [14.0, 77])
        let c = Tensor.ones([2, 2], dtype: .float64)
        #expect(c.adding(productOf: a, a.transposed(), beta: 2, alpha: -1).array() == [-12.0, -30, -30, -75])
        c.formSum(withProductOf: a, a.transposed(), beta: 0.5, alpha: 0.5)
        #expect(c.array() == [7.5, 16.5, 16.5, 39])
        let batch = Tensor.stack([a, -a])
        let sums = Tensor.full([2, 2, 2], .nan, dtype: .float64)
        sums.formSum(withProductOf: batch, batch.transposed(), beta: 0)
        #expect(sums.array() == [14.0, 32, 32, 77, 14, 32, 32, 77])
        #expect(batch.matmul(a.transposed()).shape == [2, 2, 2])
    }

    @Test func productsOfIntegersStayIntegers() {
        let a = Tensor([1, 2, 3, 4], shape: [2, 2])
        #expect(a.matmul(a).array() == [7, 10, 15, 22])
        #expect(a.adding(productOf: a, a, beta: 2, alpha: 3).array() == [23, 34, 51, 74])
        #expect(a.dot(a).array() == [30])
    }

    /// Sums of single-precision products in double precision, however both lie in memory.
    @Test(arguments: [1, 15, 33, 70_000, 200_001]) func innerProducts(rows: Int) {
        let (a, b) = (
            randomTensor([rows, 3], seed: 1, dtype: .float32), randomTensor([rows, 3], seed: 2, dtype: .float32)
        )
        func expected(_ a: Tensor, _ b: Tensor) -> Tensor { (a.to(.float64) * b.to(.float64)).sum() }
        let row = randomTensor([1, 3], seed: 3, dtype: .float32).broadcast(to: [rows, 3])
        let pairs = [
            (a, b), (a, a), (a.transposed(), b.transposed()), (a.transposed().copy().transposed(), b), (a, row),
            (row, row), (a[.all, 0..<2], b[.all, 1..<3]), (a[.all, 0], b[.all, 2]),
        ]
        for (a, b) in pairs {
            let product = a.innerProduct(b)
            #expect(product.dtype == .float64 && product.shape == [])
            expectClose(product, expected(a, b), relative: 1e-13, absolute: 1e-10)
        }
        #expect(a.to(.float64).innerProduct(b.to(.float64)).scalar == a.to(.float64).dot(b.to(.float64)).scalar)
        // No digits are lost on the way, and what is too large for single precision is not.
        let large = Tensor.full([rows], 1e30, dtype: .float32)
        expectClose(large.innerProduct(large), Tensor(Double(rows) * Double(Float(1e30)) * Double(Float(1e30))))
        #expect(!a.detached().copy().requiringGradient().innerProduct(b).requiresGradient)
    }

    @Test func innerProductsOfNothing() {
        #expect(Tensor.zeros([0, 3]).innerProduct(Tensor.zeros([0, 3])).scalar == 0)
        #expect(Tensor(Float(3)).innerProduct(Tensor(Float(2))).scalar == 6)
    }
}
