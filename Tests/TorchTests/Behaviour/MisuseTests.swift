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
        await #expect(processExitsWith: .success) {
            expectTrap("matmul(float32[2, 3], float32[4, 5]): ", "3 columns on the left, 4 rows") {
                _ = Tensor.zeros([2, 3]).matmul(Tensor.zeros([4, 5]))
            }
            expectTrap("linear(float32[2, 3], float32[4, 5], float32[4]): ", "takes 5 inputs") {
                _ = linear(Tensor.zeros([2, 3]), weight: Tensor.zeros([4, 5]), bias: Tensor.zeros([4]))
            }
        }
    }

    /// Operations with operands that do not fit together, and what they say; none in the words of libtorch.
    static let operands: [(message: String, run: @Sendable () -> Void)] = [
        (
            "symmetricEigen(bfloat16[2, 2]): matrices of float32 or float64 are needed",
            { _ = try? Tensor.identity(2).to(.bfloat16).symmetricEigen() }
        ),
        (
            "qr(bfloat16[2, 2]): matrices of float32 or float64 are needed",
            { _ = try? Tensor.identity(2).to(.bfloat16).qr() }
        ),
        (
            "solve(float32[2, 2], float64[2, 2]): both must be of one type",
            { _ = try? Tensor.identity(2).solve(Tensor.identity(2, dtype: .float64)) }
        ),
        (
            "interpolate(inPlaceTowards:)(float32[2], bfloat16[2]): an operand is of type bfloat16, the tensor to write of "
                + "type float32: convert it",
            { Tensor.ones([2]).interpolate(inPlaceTowards: Tensor.ones([2], dtype: .bfloat16), weight: 0.5) }
        ),
        (
            "formSum(withProductOf:)(float32[2, 2], float64[2, 2], float64[2, 2]): all must be of one type",
            {
                Tensor.identity(2).formSum(
                    withProductOf: Tensor.identity(2, dtype: .float64), Tensor.identity(2, dtype: .float64))
            }
        ),
        (
            "linear(float32[2, 5], float64[4, 5]): operands of one floating-point type are needed",
            { _ = linear(Tensor.zeros([2, 5]), weight: Tensor.zeros([4, 5], dtype: .float64)) }
        ),
        (
            "convolution(float32[1, 3, 8, 8], float32[4, 2, 3, 3]): the weight takes 2 channels, axis 1 of the input has 3",
            { _ = convolution(Tensor.zeros([1, 3, 8, 8]), weight: Tensor.zeros([4, 2, 3, 3])) }
        ),
        (
            "convolution(float32[1, 2, 2, 8], float32[4, 2, 3, 3]): with its border, the input is smaller than the kernel",
            { _ = convolution(Tensor.zeros([1, 2, 2, 8]), weight: Tensor.zeros([4, 2, 3, 3])) }
        ),
        (
            "embedding(float32[4, 5], float32[2]): the indices must be of type int64 or int32",
            { _ = embedding(Tensor.zeros([2]), weight: Tensor.zeros([4, 5])) }
        ),
        (
            "layerNormalization(float32[2, 3]): the input's last axes must be [4]",
            { _ = layerNormalization(Tensor.zeros([2, 3]), over: [4]) }
        ),
        (
            "batchNormalization(float32[4, 3]): running statistics of shape [3] are needed",
            {
                let ones = Tensor.ones([4])
                _ = batchNormalization(Tensor.zeros([4, 3]), runningMean: ones, runningVariance: ones, training: false)
            }
        ),
        (
            "maxPooling2D(float32[1, 1, 2, 2]): with its border, the input is smaller than the window [3, 3]",
            { _ = maxPooling2D(Tensor.zeros([1, 1, 2, 2]), window: [3, 3]) }
        ),
        (
            "add(float32[2, 3], float32[2, 4]): axis -1 has 3 and 4 elements",
            { _ = Tensor.zeros([2, 3]) + Tensor.zeros([2, 4]) }
        ),
        (
            "gradients(float32[2]): without weights, outputs must have one element",
            {
                let x = Tensor.ones([2]).requiringGradient()
                _ = gradients(of: x * 2, withRespectTo: [x])
            }
        ),
        (
            "gradients(float32[]): input 0, float32[3], requires no gradient",
            {
                let x = Tensor.ones([2]).requiringGradient()
                _ = gradients(of: x.sum(), withRespectTo: [Tensor.ones([3])])
            }
        ),
        (
            "gradients(float32[]): a tensor that the derivative needs has been written",
            {
                let x = Tensor.ones([2]).requiringGradient()
                let y = x.exp()
                withoutGradients { y.fill(1) }
                _ = gradients(of: y.sum(), withRespectTo: [x])
            }
        ),
    ]

    @Test func operandsThatDoNotFit() async {
        await #expect(processExitsWith: .success) {
            for (message, run) in Self.operands { expectTrap(message, of: run) }
        }
    }

    @Test func argumentsThatDoNotFit() async {
        await #expect(processExitsWith: .success) {
            expectTrap("convolution(float32[1, 1, 4, 4], float32[1, 1, 3, 3]): ", "kernel [2, 2]") {
                _ = convolution(
                    Tensor.zeros([1, 1, 4, 4]), weight: Tensor.zeros([1, 1, 3, 3]),
                    geometry: ConvolutionGeometry(kernel: [2, 2]))
            }
            expectTrap("add(inPlace:)(float32[2], float32[3]): ", "[3] does not broadcast") {
                Tensor.zeros([2]).add(inPlace: Tensor.zeros([3]))
            }
            expectTrap("subscript(float32[2, 3]): positions 1..<4 by 1 of an axis of 3") {
                _ = Tensor.zeros([2, 3])[.all, 1..<4]
            }
            expectTrap("subscript(float32[3]): ", "-4") {
                _ = Tensor.zeros([2, 3])[0, -4]
            }
            expectTrap("cholesky(float32[2, 3]): ") {
                _ = try Tensor.zeros([2, 3]).cholesky()
            }
            expectTrap("gradients(float32[]): an output depends on nothing") {
                let x = Tensor.ones([2]).requiringGradient()
                _ = gradients(of: x.detached().sum(), withRespectTo: [x])
            }
            expectTrap("Tensor: 2 values do not fill the shape [0, ") {
                _ = Tensor([1.0, 2], shape: [0, Int.max, Int.max])
            }
            expectTrap("batchNormalization: training needs at least two elements", "shape [1, 3]") {
                _ = batchNormalization(Tensor.zeros([1, 3]), training: true)
            }
            expectTrap("scaleAndShift(float32[2, 3], float32[3, 2]): ", "[1, 0]") {
                _ = scaleAndShift(Tensor.zeros([2, 3]), scale: Tensor.zeros([3, 2]), axes: [1, 0])
            }
            expectTrap("full(): there is no CUDA device 256") {
                _ = Tensor.zeros([2], device: .cuda(256))
            }
        }
    }

    /// Targets, and vectors for them, whose shapes do not fit together; those in front were written beyond their end.
    static let secondMoments: [(target: [Int], vectors: [Int])] = [
        ([1, 2, 2], [3, 64, 5]), ([2, 4, 4], [3, 4, 5]), ([1, 8, 4], [3, 8, 5]), ([1, 4, 8], [3, 4, 5]),
        ([4, 4], [3, 4, 5]), ([1, 4, 4], [3, 4]),
    ]

    @Test func secondMomentOfAnotherShape() async {
        await #expect(processExitsWith: .success) {
            for (target, vectors) in Self.secondMoments {
                expectTrap("formSum(withSecondMomentOf:)(float32\(target), float32\(vectors)): ", "[groups, n, n]") {
                    Tensor.zeros(target).formSum(withSecondMomentOf: Tensor.zeros(vectors), beta: 0, alpha: 1)
                }
            }
        }
    }

    @Test func secondMomentOfAnotherTypeOrLayout() async {
        await #expect(processExitsWith: .success) {
            expectTrap("formSum(withSecondMomentOf:)(float32[1, 4, 4], float64[3, 4, 5]): ", "one type") {
                Tensor.zeros([1, 4, 4]).formSum(
                    withSecondMomentOf: Tensor.zeros([3, 4, 5], dtype: .float64), beta: 0, alpha: 1)
            }
            expectTrap("formSum(withSecondMomentOf:)(", "do not touch") {
                Tensor.zeros([1, 4, 4]).transposed().formSum(
                    withSecondMomentOf: Tensor.zeros([3, 4, 5]), beta: 0, alpha: 1)
            }
        }
    }

    /// Images, and targets for them, that do not fit lines of 4 pixels along the last of two axes.
    static let lines: [(images: [Int], target: [Int])] = [
        ([3, 8, 2, 4], [1, 4, 4]), ([3, 8, 2, 4], [3, 8, 8]), ([3, 8, 2, 3], [1, 8, 8]), ([3, 8, 1, 4], [1, 8, 8]),
        ([3, 8, 8], [1, 8, 8]), ([3, 8, 2, 4], [8, 8]),
    ]

    @Test func linesOfAnotherShape() async {
        await #expect(processExitsWith: .success) {
            let product = LineProducts.Product(left: 0..<2, right: 0, column: nil, shifts: 0..<1, slot: 0)
            let products = LineProducts(
                lines: (0..<2).map { LineProducts.Line(positions: [$0], first: 0, step: 1, count: 4) },
                products: [product],
                terms: [LineProducts.Term(left: 0, right: 0, product: product, shift: 0, sign: 1)], slotCount: 1,
                kernelCount: 1, window: 1)
            for (images, target) in Self.lines {
                expectTrap("LineProducts.accumulate(float32\(images), float32\(target)): ", "for 1 kernel elements") {
                    products.accumulate(Tensor.zeros(images), into: Tensor.zeros(target), beta: 0, alpha: 1)
                }
            }
        }
    }
}
