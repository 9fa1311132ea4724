import TestSupport
import Testing
import Torch

/// Numbers at the end of their types, and lists that were changed after they had been checked.
@Suite struct ExtremeArgumentTests {
    private static let misuses: [(use: @Sendable () -> Void, message: String)] = [
        ({ _ = Tensor.zeros([3])[0...Int.max] }, "subscript(float32[3]): positions 0..<\(Int.max)"),
        ({ _ = Tensor.range(250..<260, dtype: .uint8) }, "range(): 250..<260 as uint8"),
        ({ _ = Tensor.range((.max - 3)..<Int.max) }, "range(): "),
        (
            {
                var geometry = ConvolutionGeometry(kernel: [3, 3])
                geometry.padding = []
                _ = convolution(Tensor.zeros([1, 1, 5, 5]), weight: Tensor.zeros([1, 1, 3, 3]), geometry: geometry)
            }, "convolution(float32[1, 1, 5, 5], float32[1, 1, 3, 3]): padding [] for a kernel [3, 3]"
        ),
        (
            { _ = ConvolutionGeometry(kernel: [3, 3]).outputShape(for: [1, 1]) },
            "ConvolutionGeometry.outputShape(for: [1, 1]): with its border, the input is smaller"
        ),
        (
            { _ = embedding(Tensor([0]), weight: Tensor.zeros([0, 2])) },
            "embedding(float32[0, 2], int64[1]): the weight has no rows"
        ),
    ]

    @Test func misuseIsNamed() async {
        await #expect(processExitsWith: .success) {
            for misuse in Self.misuses { expectTrap(misuse.message, of: misuse.use) }
        }
    }

    @Test func stepsBeyondAnAxisPickItsStart() {
        let numbers = Tensor([1, 2, 3])
        #expect(numbers[.every(.max)].array(of: Int.self) == [1])
        #expect(numbers[TensorIndex.slice(start: 1, end: nil, step: 7)].array(of: Int.self) == [2])
    }

    @Test(arguments: [DType.float32, .int32, .uint8, .bool]) func rangesReachTheEndOfTheirType(dtype: DType) {
        let last = [DType.float32: 1 << 24, .int32: Int(Int32.max), .uint8: 255, .bool: 1][dtype]!
        let range = (last - 1)..<last + 1
        #expect(Tensor.range(range, dtype: dtype).array(of: Int.self) == Array(range))
    }

    /// One bad batch must not stay in running statistics for ever.
    @Test(arguments: [Float.nan, .infinity]) func runningStatisticsPassOverWhatIsNotFinite(bad: Float) {
        let (mean, variance) = (Tensor.zeros([2]), Tensor.ones([2]))
        func normalize(_ values: [Float]) {
            _ = batchNormalization(
                Tensor(values, shape: [2, 2]), runningMean: mean, runningVariance: variance, training: true,
                momentum: 0.5)
        }
        // The second channel is good: mean 2, unbiased variance 2.
        normalize([bad, 1, 0, 3])
        #expect(mean.array(of: Float.self) == [0, 1])
        #expect(variance.array(of: Float.self) == [1, 1.5])
        normalize([1, 1, 3, 3])
        #expect(mean.array(of: Float.self) == [1, 1.5])
    }
}
