import Foundation
import TestSupport
import Testing
import Torch

@Suite("Layers in mixed precision")
struct MixedPrecisionTests {
    /// What a layer computes, of an input and the weights of it.
    enum Operation: CaseIterable, Sendable {
        case linear, convolution, transposedConvolution, matrixProduct, einsum

        var shapes: [[Int]] {
            switch self {
            case .linear: [[5, 7], [3, 7], [3]]
            case .convolution: [[2, 3, 6, 6], [4, 3, 3, 3], [4]]
            case .transposedConvolution: [[2, 4, 5, 5], [4, 3, 3, 3], [3]]
            case .matrixProduct: [[2, 5, 4], [4, 3]]
            case .einsum: [[5, 4], [5, 3]]
            }
        }

        func callAsFunction(_ operands: [Tensor]) -> Tensor {
            switch self {
            case .linear: Torch.linear(operands[0], weight: operands[1], bias: operands[2])
            case .convolution: Torch.convolution(operands[0], weight: operands[1], bias: operands[2], padding: [1, 1])
            case .transposedConvolution:
                Torch.convolution(
                    operands[0], weight: operands[1], bias: operands[2],
                    geometry: ConvolutionGeometry(
                        kernel: [3, 3], stride: [2, 2], padding: [0, 0], isTransposed: true))
            case .matrixProduct: operands[0].matmul(operands[1])
            case .einsum: .einsum("bi,bj->ij", operands[0], operands[1])
            }
        }

        func operands(_ dtype: DType = .float32) -> [Tensor] {
            shapes.enumerated().map { number, shape in
                randomTensor(shape, seed: UInt64(number + 1), dtype: .float32).to(dtype).requiringGradient()
            }
        }
    }

    @Test(arguments: Operation.allCases) func layersComputeInBFloat16(_ operation: Operation) {
        let operands = operation.operands()
        let result = withMixedPrecision { operation(operands) }
        #expect(result.dtype == .bfloat16)
        #expect(result.array(of: Float.self) == operation(operands.map { $0.to(.bfloat16) }).array(of: Float.self))
        // Each operand and the result are rounded by 2⁻⁹ of them at most, and sums have at most 27 terms of size 1.
        expectClose(result, operation(operation.operands(.float64)), relative: 0x1p-8, absolute: 0x1p-4)
    }

    @Test(arguments: Operation.allCases) func gradientsAreOfTheParametersType(_ operation: Operation) {
        func derivatives(_ operands: [Tensor], _ mixes: Bool) -> [Tensor] {
            let result = withMixedPrecision(mixes) { operation(operands) }.inFullPrecision
            return gradients(of: (result * result).sum(), withRespectTo: operands)
        }
        let mixed = derivatives(operation.operands(), true)
        for (gradient, exact) in zip(mixed, derivatives(operation.operands(.float64), false)) {
            #expect(gradient.dtype == .float32)
            let error = (gradient.to(.float64) - exact).squared().sum().scalar.squareRoot()
            #expect(error < 0.02 * exact.squared().sum().scalar.squareRoot())
        }
    }

    @Test func theModeEndsWithItsScope() {
        struct Failure: Error {}
        let x = Tensor.ones([2, 2])
        #expect(throws: Failure.self) { try withMixedPrecision { throw Failure() } }
        #expect(x.matmul(x).dtype == .float32)
        let types = withMixedPrecision { [x.matmul(x), withMixedPrecision(false) { x.matmul(x) }].map(\.dtype) }
        #expect(types == [.bfloat16, .float32])
    }

    /// Numbers of double precision, inner products, tables and all other operations keep their type.
    @Test func otherOperationsKeepTheirType() {
        let (x, wide) = (Tensor.ones([4], dtype: .float32), Tensor.ones([2, 2], dtype: .float64))
        withMixedPrecision {
            #expect(wide.matmul(wide).dtype == .float64)
            #expect(x.dot(x).dtype == .float32 && x.exp().dtype == .float32)
            #expect(embedding(Tensor([1, 0]), weight: Tensor.ones([2, 3])).dtype == .float32)
        }
    }

    /// A normalisation, with its scale and shift, gives what it is given.
    @Test func normalizationsKeepTheirType() {
        let x = randomTensor([4, 3, 5], seed: 1, dtype: .float32)
        let (mean, variance) = (Tensor.zeros([3]), Tensor.ones([3]))
        func result(_ x: Tensor) -> Tensor {
            let normalized = batchNormalization(x, runningMean: mean, runningVariance: variance, training: true)
            return scaleAndShift(normalized, scale: Tensor([Float(1), 2, 3]), shift: Tensor.ones([3]), axes: [1])
        }
        let mixed = result(x.to(.bfloat16))
        #expect(mixed.dtype == .bfloat16)
        expectClose(mixed, result(x), relative: 0x1p-6, absolute: 0x1p-6)
    }

    /// The records of uses hold the parameters, and each use counts by itself.
    @Test func usesAreSeen() {
        let weight = randomTensor([3, 3], seed: 1, dtype: .float32).requiringGradient()
        let (result, uses) = recordingLayerUses {
            withMixedPrecision { linear(linear(Tensor.ones([2, 3]), weight: weight), weight: weight) }
        }
        #expect(uses.map(\.weight.id) == [weight.id, weight.id])
        #expect(uses.map(\.preActivation.dtype) == [.bfloat16, .bfloat16])
        #expect(graphUses(of: [weight], in: [result]) == [2])
        let change = uses[1].preActivation(weight: weight.detached(), bias: nil)
        #expect(change.array(of: Float.self) == result.detached().array(of: Float.self))
    }

    /// The type of half a single: 8 digits, the range of a single, rounded to even.
    @Test func numbers() {
        let numbers: [Float] = [1, 257, 0x1.01p0, 0x1.03p0, 3e38, -1e-38]
        let rounded = Tensor(numbers).to(.bfloat16)
        #expect(rounded.array(of: Float.self).prefix(4) == [1, 256, 1, 0x1.04p0])
        expectClose(rounded, Tensor(numbers), relative: 0x1p-8)
        #expect("\(Tensor([Float(1.5)]).to(.bfloat16))" == "bfloat16[1] [1.5]")
        #expect(rounded.inFullPrecision.dtype == .float32)
        #expect(numbers.count * DType.bfloat16.byteCount == 12)
    }

    @Test func filesHoldIt() throws {
        let folder = TemporaryFolder()
        let file = URL(fileURLWithPath: folder("half.safetensors"))
        let tensor = randomTensor([3, 2], seed: 1).to(.bfloat16)
        try Safetensors(tensors: ["x": tensor]).write(to: file)
        let read = try Safetensors(contentsOf: file).tensors["x"]
        #expect(read?.dtype == .bfloat16)
        #expect(read?.array(of: Float.self) == tensor.array(of: Float.self))
    }

    @Test func linearAlgebraNeedsMoreDigits() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = try Tensor.identity(2, dtype: .bfloat16).dampedInverse()
        }
        expectStandardError(result, "dampedInverse(bfloat16[2, 2]): ", "float32 or float64")
    }
}
