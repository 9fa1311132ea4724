import TestSupport
import Testing

@testable import Torch

/// The kernels' products against sums in double precision, for operands that lie in memory in any way.
@Suite struct MatrixProductTests {
    private static let needed: ConditionTrait = .enabled(
        if: MatrixProducts.kernels.isAvailable, "needs a processor with registers of 64 bytes")

    private func normal(_ shape: [Int], _ dtype: DType, isTransposed: Bool, seed: UInt64) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        guard isTransposed else { return generator.normal(shape, dtype: dtype) }
        return generator.normal(shape.reversed(), dtype: dtype).transposed()
    }

    @Test(
        needed,
        arguments: [[128, 64, 128], [129, 65, 131], [200, 300, 257], [577, 1153, 145]], [DType.float32, .float64])
    func areThoseOfDoublePrecision(shape: [Int], dtype: DType) {
        for layout in 0..<4 {
            let left = normal([shape[0], shape[1]], dtype, isTransposed: layout & 1 == 1, seed: 1)
            let right = normal([shape[1], shape[2]], dtype, isTransposed: layout & 2 == 2, seed: 2)
            let bias = normal([1, shape[2]], dtype, isTransposed: false, seed: 3).reshaped([-1])
            let exact = MatrixProducts.library.run { left.to(.float64).matmul(right.to(.float64)) }
            // Sums of so many terms of size 1 grow as the root of their number, and with them what rounding adds.
            let unit = dtype == .float64 ? 0x1p-53 : 0x1p-24
            let bound = 2 * unit * Double(shape[1]) * Double(shape[0] * shape[2]).squareRoot()
            let (product, layer) = MatrixProducts.kernels.run {
                (left.matmul(right), linear(left, weight: right.transposed(), bias: bias))
            }
            #expect(norm(product.to(.float64) - exact) < bound, "layout \(layout)")
            #expect(norm(layer.to(.float64) - exact - bias.to(.float64)) < 2 * bound, "layout \(layout)")
        }
    }

    /// Slices, broadcast rows and results of other operations have steps of their own.
    @Test(needed) func takeAnySteps() {
        let whole = normal([300, 900], .float64, isTransposed: false, seed: 4)
        let columns = whole[.all, TensorIndex.slice(start: 3, end: 783, step: 3)]
        let row = whole[0..<1, 0..<260].broadcast(to: [150, 260])
        let right = normal([260, 140], .float64, isTransposed: false, seed: 5)
        for left in [columns, row] {
            let (own, other) = (
                MatrixProducts.kernels.run { left.matmul(right) }, MatrixProducts.library.run { left.matmul(right) }
            )
            expectClose(own, other, relative: 1e-12)
        }
    }

    /// Derivatives, also those of derivatives, go through the same operators.
    @Test(needed) func derivativesAreThoseOfTheLibrary() {
        func derivatives() -> [Tensor] {
            let input = normal([160, 200], .float64, isTransposed: false, seed: 6)
            let weight = normal([150, 200], .float64, isTransposed: false, seed: 7).requiringGradient()
            let bias = Tensor.zeros([150], dtype: .float64).requiringGradient()
            let loss = linear(input, weight: weight, bias: bias).squared().squared().sum()
            let first = gradients(of: [loss], withRespectTo: [weight, bias], differentiable: true)
            let second = gradients(of: [first[0].squared().sum()], withRespectTo: [weight])
            return first.map { $0.detached() } + second
        }
        for (own, other) in zip(MatrixProducts.kernels.run(derivatives), MatrixProducts.library.run(derivatives)) {
            expectClose(own, other, relative: 1e-11)
        }
    }

    /// The order of summation is that of a single thread.
    @Test(needed) func bitsAreThoseOfOneThread() throws {
        let left = normal([385, 1000], .float32, isTransposed: true, seed: 8)
        let right = normal([1000, 257], .float32, isTransposed: false, seed: 9)
        let whole = MatrixProducts.kernels.run { left.matmul(right) }
        // Rows of a part have the same sums, which other threads made.
        let part = MatrixProducts.kernels.run { left[128..<320].matmul(right) }
        #expect((part .== whole[128..<320]).all())
    }

    private func norm(_ tensor: Tensor) -> Double { tensor.squared().sum().scalar.squareRoot() }
}
