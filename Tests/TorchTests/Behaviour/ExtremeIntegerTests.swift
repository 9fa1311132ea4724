import TestSupport
import Testing
import Torch

/// Integers and shapes that overflow are refused by the name of the operation.
@Suite struct ExtremeIntegerTests {
    private static let cases: [(run: @Sendable () -> Void, message: String)] = [
        (
            { _ = Tensor.zeros([2, 3])[0..<Int.max] },
            "subscript(float32[2, 3]): positions 0..<\(Int.max) by 1 of an axis of 2"
        ),
        (
            { _ = Tensor.zeros([2, 3])[0...Int.max] },
            "subscript(float32[2, 3]): positions 0..<\(Int.max) by 1 of an axis of 2"
        ),
        (
            { _ = Tensor.zeros([2, 3])[...Int.max] },
            "subscript(float32[2, 3]): positions 0..<\(Int.max) by 1 of an axis of 2"
        ),
        (
            { _ = Tensor.zeros([2, 3])[Int.max...] },
            "subscript(float32[2, 3]): positions \(Int.max)..<2 by 1 of an axis of 2"
        ),
        ({ _ = Tensor.zeros([2, 3])[Int.min] }, "subscript(float32[2, 3]): "),
        ({ _ = Tensor.zeros([2, 3])[.every(Int.max)][5] }, "subscript(float32[1, 3]): "),
        (
            { _ = Tensor.zeros([1 << 32, 1 << 32]) },
            "full(): there are no tensors of the shape [4294967296, 4294967296]"
        ),
        ({ _ = Tensor.ones([0, Int.max, 2]) }, "full(): there are no tensors of the shape"),
        ({ _ = Tensor.zeros([-1]) }, "full(): there are no tensors of the shape [-1]"),
        ({ _ = Tensor([Int](), shape: [0, Int.max, 2]) }, "Tensor: 0 values do not fill the shape"),
        (
            { _ = Tensor.zeros([0]).reshaped([1 << 32, 1 << 32]) },
            "reshaped(float32[0]): there are no tensors of the shape"
        ),
        (
            { _ = Tensor.zeros([1]).broadcast(to: [1 << 32, 1 << 32]) },
            "broadcast(float32[1]): there are no tensors of the shape"
        ),
        ({ _ = Tensor.range(0..<Int.max) }, "range(): 0..<\(Int.max) as int64, which has consecutive numbers from"),
        ({ _ = Tensor.range(0..<1 << 50) }, "range(): out of memory"),
        ({ _ = Tensor.identity(Int.max) }, "identity(): "),
        ({ _ = Tensor.identity(-1) }, "identity(): "),
        ({ _ = Tensor.zeros([4]).windows(along: 0, size: Int.max, step: Int.max) }, "windows(float32[4]): "),
        ({ _ = Tensor.zeros([4]).sum(Int.max) }, "sum(float32[4]): "),
        ({ _ = Tensor([0, 1]).oneHot(classes: Int.max) }, "oneHot(int64[2]): "),
        (
            {
                var generator = RandomGenerator(seed: .max)
                _ = generator.uniform([Int.max, 3])
            }, "uniform(): there are no tensors of the shape"
        ),
        (
            {
                var generator = RandomGenerator(seed: 1)
                _ = generator.permutation(Int.max)
            }, "permutation(): "
        ),
        (
            { _ = ConvolutionGeometry(kernel: [3], padding: [Int.max]) },
            "ConvolutionGeometry: padding [\(Int.max)] for a kernel [3]"
        ),
    ]

    @Test func areRefusedByName() async {
        await #expect(processExitsWith: .success) {
            for misuse in Self.cases { expectTrap(misuse.message, of: misuse.run) }
        }
    }

    @Test func largestThatThereAre() {
        let x = Tensor.range((1 << 53) - 2..<1 << 53)
        #expect(x.array(of: Int.self) == [(1 << 53) - 2, (1 << 53) - 1])
        var generator = RandomGenerator(seed: .max)
        let numbers = generator.integers([4], in: Int.min..<Int.max).array(of: Int.self)
        #expect(Set(numbers).count == 4)
        #expect(Tensor.zeros([2, 3])[.every(Int.max)].shape == [1, 3])
    }
}
