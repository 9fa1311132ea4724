import TestSupport
import Testing
import Torch

/// Checks that a process that stopped said why.
func expectStandardError(
    _ result: ExitTest.Result?, _ expected: String..., sourceLocation: SourceLocation = #_sourceLocation
) {
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    for words in expected { #expect(text.contains(words), sourceLocation: sourceLocation) }
}

@Suite("Misuse stops the program with the operation and the shapes")
struct MisuseTests {
    @Test func shapesThatDoNotFit() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([4, 5]))
        }
        expectStandardError(result, "matmul(float32[2, 3], float32[4, 5]): ", "shapes cannot be multiplied")
    }

    @Test func operandsOfALayer() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = linear(Tensor.zeros([2, 3]), weight: Tensor.zeros([4, 5]), bias: Tensor.zeros([4]))
        }
        expectStandardError(result, "linear(float32[2, 3], float32[4, 5], float32[4]): ")
    }

    @Test func kernelThatIsNotTheWeights() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = convolution(
                Tensor.zeros([1, 1, 4, 4]), weight: Tensor.zeros([1, 1, 3, 3]),
                geometry: ConvolutionGeometry(kernel: [2, 2]))
        }
        expectStandardError(result, "convolution(float32[1, 1, 4, 4], float32[1, 1, 3, 3]): ", "kernel [2, 2]")
    }

    @Test func writingInPlace() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            Tensor.zeros([2]).add(inPlace: Tensor.zeros([3]))
        }
        expectStandardError(result, "add(inPlace:)(float32[2], float32[3]): ")
    }

    @Test func rangeOutsideAnAxis() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 3])[.all, 1..<4]
        }
        expectStandardError(result, "subscript(float32[2, 3]): positions 1..<4 by 1 of an axis of 3")
    }

    @Test func positionOutsideAnAxis() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2, 3])[0, -4]
        }
        expectStandardError(result, "subscript(float32[3]): ", "-4")
    }

    @Test func shapesOfLinearAlgebra() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Tensor.zeros([2, 3]).cholesky()
        }
        expectStandardError(result, "cholesky(float32[2, 3]): ")
    }

    @Test func gradientOfSomethingWithoutAGraph() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let x = Tensor.ones([2]).requiringGradient()
            _ = gradients(of: x.detached().sum(), withRespectTo: [x])
        }
        expectStandardError(result, "gradients(float32[]): ", "does not require grad")
    }

    @Test func valuesThatDoNotFillAShape() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor([1.0, 2], shape: [0, Int.max, Int.max])
        }
        expectStandardError(result, "Tensor: 2 values do not fill the shape [0, ")
    }

    @Test func batchOfOneElement() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = batchNormalization(Tensor.zeros([1, 3]), training: true)
        }
        expectStandardError(result, "batchNormalization: training needs at least two elements", "shape [1, 3]")
    }

    @Test func unorderedAxes() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = scaleAndShift(Tensor.zeros([2, 3]), scale: Tensor.zeros([3, 2]), axes: [1, 0])
        }
        expectStandardError(result, "scaleAndShift(float32[2, 3], float32[3, 2]): ", "[1, 0]")
    }

    @Test func deviceThatIsNotThere() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = Tensor.zeros([2], device: .cuda(256))
        }
        expectStandardError(result, "full(): there is no CUDA device 256")
    }
}
