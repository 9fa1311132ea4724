import Foundation
import TestSupport
import Testing
import Torch

@Suite("On a CUDA device", .cudaIsAvailable)
struct CUDATests {
    let device = Device.cuda(0)

    /// Operations whose results must agree with those of the processor.
    static let operations: [GradientCase] = [
        GradientCase("arithmetic", [2, 3], [3], in: 0.5..<2) { ($0[0] * 2 + $0[1] / 3 - 1).exp() },
        GradientCase("reduction", [4, 5]) { $0[0].logSumExp(1) + $0[0].variance(1) },
        GradientCase("views", [4, 6]) { $0[0][1..., .every(2)].transposed().reshaped([-1]).tanh() },
        GradientCase("matmul", [3, 4], [4, 2]) { $0[0].matmul($0[1]) },
        GradientCase("einsum", [3, 4], [3, 2]) { .einsum("bi,bj->ij", $0[0], $0[1]) },
        GradientCase("linear", [3, 4], [2, 4], [2]) { linear($0[0], weight: $0[1], bias: $0[2]) },
        GradientCase("convolution", [2, 2, 5, 5], [3, 2, 3, 3], [3]) {
            convolution($0[0], weight: $0[1], bias: $0[2], stride: [2], padding: [1])
        },
        GradientCase("pooling", [1, 2, 4, 4]) { maxPooling2D($0[0], window: [2, 2]) },
        GradientCase("normalisation", [4, 3]) { batchNormalization($0[0], training: true) },
        GradientCase("softmax", [3, 4]) { $0[0].logSoftmax() },
        GradientCase("cholesky", [3, 3]) {
            let identity = Tensor.identity(3, dtype: .float64, device: $0[0].device)
            return try! ($0[0].matmul($0[0].transposed()) + identity).cholesky()
        },
    ]

    @Test(arguments: operations) func resultsAgreeWithTheProcessor(_ item: GradientCase) {
        func run(on device: Device) -> [Tensor] {
            let inputs = item.inputs.map { $0.to(device).requiringGradient() }
            let output = item.function(inputs)
            return [output] + gradients(of: output.squared().sum(), withRespectTo: inputs)
        }
        for (there, here) in zip(run(on: device), run(on: .cpu)) {
            #expect(there.device == device)
            expectClose(there, here)
        }
    }

    @Test(arguments: DType.allCases) func elementsTravel(_ dtype: DType) {
        let there = Tensor([0, 1, 1]).to(dtype).to(device)
        #expect(there.device == device && there.dtype == dtype)
        #expect(there.array() == [0, 1, 1])
        #expect(there.to(.cpu).array() == [0, 1, 1])
        #expect(there.to(device).id == there.id)
        #expect(Tensor.ones([2], dtype: dtype, device: device).array() == [1, 1])
    }

    @Test func memoryIsWrittenInPlace() {
        let x = Tensor.zeros([2, 2], dtype: .float64, device: device)
        x[0] = Tensor([1.0, 2])
        x.formSum(withProductOf: x.copy(), Tensor.identity(2, dtype: .float64, device: device), beta: 2)
        #expect(x.array() == [3.0, 6, 0, 0])
    }

    @Test func numbersThatFailThrow() {
        #expect(throws: LinearAlgebraError.self) { try (-Tensor.identity(2, device: device)).cholesky() }
        #expect(throws: LinearAlgebraError.self) { try Tensor.zeros([2, 2], device: device).inverse() }
    }

    @Test func generatorsAreValues() {
        var generator = RandomGenerator(seed: 3, device: device)
        var copy = generator
        let numbers = generator.normal([100])
        #expect(numbers.device == device)
        #expect(copy.normal([100]).array() == numbers.array(of: Float.self))
        let state = generator.state
        let next: [Float] = generator.uniform([10]).array()
        copy.state = state
        #expect(copy.uniform([10]).array() == next)
        #expect(generator.categorical(Tensor.ones([2, 3], device: device)).shape == [2, 1])
    }

    @Test func filesHoldTensorsOfTheDevice() throws {
        let x = Tensor.range(0..<6, device: device).reshaped([2, 3]).transposed()
        let read = try Safetensors(data: Safetensors(tensors: ["x": x]).encoded())
        #expect(read.tensors["x"]?.array() == [0, 3, 1, 4, 2, 5])
        device.synchronize()
    }
}
