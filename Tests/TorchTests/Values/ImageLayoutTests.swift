import TestSupport
import Testing
import Torch

/// Images whose channels lie side by side: the same results as in the standard layout, and in the same layout as what
/// they are made of.
@Suite struct ImageLayoutTests {
    @Test(arguments: [[2, 3, 4, 5], [1, 1, 4, 5], [2, 1, 1, 3], [1, 3, 1, 1], [2, 4, 3, 1]])
    func conversionKeepsTheElements(shape: [Int]) {
        let images = randomTensor(shape)
        let converted = images.contiguous(in: .channelsLast)
        #expect(converted.shape == shape && (converted .== images).all())
        #expect(converted.array(of: Double.self) == images.array(of: Double.self))
        #expect(converted.contiguous(in: .channelsLast).strides == converted.strides)
        #expect((converted.contiguous(in: .standard) .== images).all())
        // Images of one pixel each lie in both layouts in the same way, and there is nothing to keep.
        guard shape[2] * shape[3] > 1 else { return }
        #expect(images.imageLayout == .standard && converted.imageLayout == .channelsLast)
        #expect(converted.strides[1] == 1 && converted.inMemoryOrder.isContiguous)
        #expect(converted.contiguous(in: .standard).imageLayout == .standard)
    }

    @Test func otherTensorsHaveTheStandardLayout() {
        for shape in [[3], [2, 3], [2, 3, 4], [2, 3, 4, 5, 6]] {
            #expect(randomTensor(shape).imageLayout == .standard)
            #expect(randomTensor(shape).contiguous(in: .standard).shape == shape)
        }
    }

    @Test func conversionPassesGradientsOn() {
        for shape in [[2, 3, 2, 2], [2, 1, 3, 2]] {
            expectGradientsMatch(at: [randomTensor(shape)], secondOrder: true) { inputs in
                inputs[0].contiguous(in: .channelsLast).squared() * inputs[0]
            }
        }
    }

    /// What networks do with images between convolutions, with parameters that have gradients.
    private static let operations: [(name: String, apply: @Sendable (Tensor) -> Tensor)] = [
        ("relu", { $0.relu() }), ("tanh", { $0.tanh() }), ("gelu", { $0.gelu() }), ("sum", { $0 + $0 * 2 }),
        ("maximum pooling", { maxPooling2D($0, window: [2, 2]) }),
        ("overlapping maximum pooling", { maxPooling2D($0, window: [3, 3], stride: [2, 2], padding: [1, 1]) }),
        ("average pooling", { averagePooling2D($0, window: [2, 2]) }),
        ("every second pixel", { averagePooling2D($0, window: [1, 1], stride: [2, 2]) }),
        ("normalisation", { batchNormalization($0, training: true) }),
        (
            "scale and shift",
            { scaleAndShift($0, scale: randomTensor([6], seed: 4), shift: randomTensor([6], seed: 5), axes: [1]) }
        ),
        ("channels of zeros", { $0.padded([(0, 0), (0, 0), (0, 3)]) }),
        ("convolution", { convolution($0, weight: randomTensor([5, 6, 3, 3], seed: 3), padding: [1]) }),
    ]

    @Test(arguments: operations.indices) func operationsAndDerivativesKeepIt(number: Int) {
        let (name, apply) = Self.operations[number]
        for (seed, shape) in [[2, 6, 8, 8], [1, 6, 5, 7], [3, 6, 2, 3]].enumerated() {
            let images = randomTensor(shape, seed: UInt64(seed))
            func resultAndGradient(_ layout: ImageLayout) -> (Tensor, Tensor) {
                let input = images.contiguous(in: layout).copy().requiringGradient()
                let result = apply(input)
                let weights = randomTensor(result.shape, seed: 9).contiguous(in: layout)
                return (result, gradients(of: [result], weightedBy: [weights], withRespectTo: [input])[0])
            }
            let (standard, last) = (resultAndGradient(.standard), resultAndGradient(.channelsLast))
            expectClose(last.0, standard.0, relative: 1e-12, absolute: 1e-13, name)
            expectClose(last.1, standard.1, relative: 1e-11, absolute: 1e-12, name)
            #expect(last.0.imageLayout == .channelsLast || last.0.shape[2] * last.0.shape[3] == 1, "\(name)")
            #expect(last.1.imageLayout == .channelsLast, "\(name), gradient")
        }
    }

    /// Windows of any kind, with equal elements, against the standard layout; their second derivatives too.
    @Test(arguments: [DType.float32, .float64]) func maximumPoolingIsTheSame(dtype: DType) {
        var random = SplitMix(state: 3)
        for seed in 0..<150 {
            func pair(_ range: ClosedRange<Int>) -> [Int] { (0..<2).map { _ in Int.random(in: range, using: &random) } }
            let (window, stride) = (pair(1...4), pair(1...4))
            let padding = window.map { Int.random(in: 0...($0 / 2), using: &random) }
            let channels = [1, 2, 3, 8, 16, 21, 40].randomElement(using: &random)!
            let shape = [Int.random(in: 1...3, using: &random), channels] + pair(4...9)
            // Few values: windows have equal elements, and some only negative ones.
            let images = (randomTensor(shape, seed: UInt64(seed), dtype: dtype) * 3).rounded()
            for rectified in [false, true] {
                func all(_ layout: ImageLayout) -> [Tensor] {
                    let input = images.contiguous(in: layout).copy().requiringGradient()
                    let result = maxPooling2D(
                        input, window: window, stride: stride, padding: padding, rectified: rectified)
                    let slopes = randomTensor(result.shape, seed: 1, dtype: dtype).requiringGradient()
                    let first = gradients(
                        of: [result], weightedBy: [slopes], withRespectTo: [input], differentiable: true)[0]
                    let other = randomTensor(shape, seed: 2, dtype: dtype)
                    let second = gradients(
                        of: [first], weightedBy: [other], withRespectTo: [slopes], differentiable: true)[0]
                    return [result, first, second].map { $0.detached() }
                }
                for (standard, last) in zip(all(.standard), all(.channelsLast)) {
                    expectClose(
                        last, standard, relative: 1e-6, absolute: 1e-6,
                        "\(shape), window \(window), stride \(stride), padding \(padding), rectified \(rectified)")
                }
            }
        }
    }

    @Test func poolingTakesWhatIsNotANumberForTheGreatest() {
        for layout in ImageLayout.allCases {
            for rectified in [false, true] {
                let images = Tensor([1, .nan, 3, 4, -1, -2, -3, -.infinity] as [Double], shape: [1, 2, 2, 2])
                    .contiguous(in: layout).requiringGradient()
                let result = maxPooling2D(images, window: [2, 2], rectified: rectified)
                let found = result.array(of: Double.self)
                #expect(found[0].isNaN && found[1] == (rectified ? 0 : -1))
                let gradient = gradients(of: [result.sum()], withRespectTo: [images])[0].array(of: Double.self)
                #expect(gradient == [0, 1, 0, 0, rectified ? 0 : 1, 0, 0, 0])
            }
        }
    }

    /// What is no pooling stops with a reason in both layouts; empty batches have empty results.
    @Test func emptyBatchesHaveEmptyResults() {
        for layout in ImageLayout.allCases {
            let images = Tensor.zeros([0, 3, 4, 4]).contiguous(in: layout)
            #expect(maxPooling2D(images, window: [2, 2], rectified: true).shape == [0, 3, 2, 2])
        }
    }

    @Test func globalAveragesHaveGradientsInTheLayout() {
        for layout in ImageLayout.allCases {
            let input = randomTensor([2, 3, 4, 5]).contiguous(in: layout).copy().requiringGradient()
            let mean = globalAveragePooling(input)
            expectClose(mean, input.mean(2, 3), relative: 1e-13)
            let gradient = gradients(of: [mean.squared().sum()], withRespectTo: [input])[0]
            #expect(gradient.imageLayout == layout)
            expectClose(gradient, gradients(of: [input.mean(2, 3).squared().sum()], withRespectTo: [input])[0])
        }
        expectClose(globalAveragePooling(randomTensor([2, 3, 4])), randomTensor([2, 3, 4]).mean(2))
    }

    @Test func flatteningGivesTheOrderOfTheAxes() {
        let images = randomTensor([3, 4, 5, 6])
        let flat = images.contiguous(in: .channelsLast).flattened(from: 1)
        #expect((flat .== images.flattened(from: 1)).all())
    }

    @Test func innerProductsDoNotDependOnIt() {
        let (a, b) = (randomTensor([3, 4, 5, 6]), randomTensor([3, 4, 5, 6], seed: 2))
        let expected = a.flattened().matmul(b.flattened())
        for left in ImageLayout.allCases {
            for right in ImageLayout.allCases {
                expectClose(a.contiguous(in: left).dot(b.contiguous(in: right)), expected, relative: 1e-12)
            }
        }
    }

    /// Convolutions of any geometry and their derivatives, in both types.
    @Test(arguments: [DType.float32, .float64]) func convolutionsAreTheSame(dtype: DType) {
        var random = SplitMix(state: 7)
        for seed in 0..<150 {
            let groups = [1, 1, 1, 2, 3].randomElement(using: &random)!
            let (inputs, outputs) = (
                groups * Int.random(in: 1...9, using: &random), groups * Int.random(in: 1...17, using: &random)
            )
            func pair(_ range: ClosedRange<Int>) -> [Int] { (0..<2).map { _ in Int.random(in: range, using: &random) } }
            let geometry = ConvolutionGeometry(
                kernel: pair(1...4), stride: pair(1...2), padding: pair(0...2), dilation: pair(1...2), groups: groups)
            let shape = [Int.random(in: 1...3, using: &random), inputs] + pair(7...10)
            let images = randomTensor(shape, seed: UInt64(seed), dtype: dtype)
            let weight = randomTensor([outputs, inputs / groups] + geometry.kernel, seed: 1, dtype: dtype)
            let bias = randomTensor([outputs], seed: 2, dtype: dtype)
            func all(_ layout: ImageLayout) -> [Tensor] {
                let operands = [images.contiguous(in: layout).copy(), weight.copy(), bias.copy()].map {
                    $0.requiringGradient()
                }
                let result = convolution(operands[0], weight: operands[1], bias: operands[2], geometry: geometry)
                let seeds = randomTensor(result.shape, seed: 3, dtype: dtype).contiguous(in: layout)
                return [result.detached()]
                    + gradients(of: [result], weightedBy: [seeds], withRespectTo: operands)
            }
            let tolerance = dtype == .float32 ? 1e-4 : 1e-12
            for (standard, last) in zip(all(.standard), all(.channelsLast)) {
                expectClose(last, standard, relative: tolerance, absolute: tolerance, "\(shape), \(geometry)")
            }
        }
    }
}
