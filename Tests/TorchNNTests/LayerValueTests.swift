import Foundation
import Testing
import Torch
import TorchNN

/// What layers compute, against numbers worked out by hand.
@Suite struct LayerValueTests {
    private static func image(_ values: [Double], _ shape: Int...) -> Tensor { Tensor(values, shape: shape) }

    @Test func linearLayer() {
        let layer = Linear(weight: Self.image([1, 2, 3, 4, 5, 6], 3, 2), bias: Tensor([10.0, 20, 30]))
        expectClose(layer(Self.image([1, -1], 1, 2)), Self.image([9, 19, 29], 1, 3))
    }

    @Test func convolutionIsACorrelation() {
        let layer = Convolution(
            weight: Self.image([1, 2, 3, 4], 1, 1, 2, 2), bias: Tensor([0.5]),
            geometry: ConvolutionGeometry(kernel: [2, 2]))
        let input = Self.image([1, 0, 2, 0, 1, 0, 0, 0, 1], 1, 1, 3, 3)
        expectClose(layer(input), Self.image([5.5, 7.5, 2.5, 5.5], 1, 1, 2, 2))
    }

    @Test func embeddingPicksRows() {
        let layer = Embedding(weight: Self.image([1, 2, 3, 4, 5, 6], 3, 2))
        expectClose(layer(Tensor([2, 0])), Self.image([5, 6, 1, 2], 2, 2))
    }

    @Test func batchNormalizationTrains() {
        let layer = BatchNormalization(2, momentum: 0.25, epsilon: 0, dtype: .float64)
        // Channel 0: 1, 3 (mean 2, variance 1, unbiased 2); channel 1: 0, 8 (mean 4, variance 16, unbiased 32).
        let input = Self.image([1, 0, 3, 8], 2, 2)
        expectClose(layer(input), Self.image([-1, -1, 1, 1], 2, 2))
        expectClose(layer.runningMean, Tensor([0.5, 1]))
        expectClose(layer.runningVariance, Tensor([0.75 + 0.5, 0.75 + 8]))

        // A second batch moves them on, evaluation does not.
        _ = layer(input)
        expectClose(layer.runningMean, Tensor([0.875, 1.75]))
        layer.mode = .evaluation
        _ = layer(input)
        expectClose(layer.runningMean, Tensor([0.875, 1.75]))
    }

    @Test func batchNormalizationEvaluates() throws {
        let layer = BatchNormalization(2, epsilon: 1, dtype: .float64)
        try layer.load(
            state: [
                "weight": Tensor([2.0, 3]), "bias": Tensor([10.0, 20]), "runningMean": Tensor([1.0, -1]),
                "runningVariance": Tensor([3.0, 8]),
            ])
        layer.mode = .evaluation
        // One example of two positions: 2 (x − 1) / 2 + 10 and 3 (x + 1) / 3 + 20.
        expectClose(layer(Self.image([1, 3, 2, -1], 1, 2, 2)), Self.image([10, 12, 23, 20], 1, 2, 2))
    }

    @Test func batchNormalizationNeedsSeveralValues() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            _ = BatchNormalization(3)(Tensor.zeros([1, 3]))
        }
        #expect(result.message.contains("at least two elements for each channel, and the input has the shape [1, 3]"))
    }

    @Test func layerNormalization() throws {
        let layer = LayerNormalization(2, epsilon: 0, dtype: .float64)
        try layer.load(state: ["weight": Tensor([2.0, 3]), "bias": Tensor([0.0, 1])])
        expectClose(layer(Self.image([1, 3, 10, 2], 2, 2)), Self.image([-2, 4, 2, -2], 2, 2))

        let plane = LayerNormalization(2, 2, epsilon: 0, dtype: .float64)
        let input = Self.image([1, 2, 3, 4], 1, 2, 2)
        expectClose(plane(input), (input - 2.5) / sqrt(1.25))
    }

    @Test(arguments: [0.1, 0.5, 0.8]) func dropoutKeepsTheMean(_ probability: Double) {
        var generator = RandomGenerator(seed: 7)
        let layer = Dropout(probability, using: &generator)
        let output = layer(Tensor.ones([40_000], dtype: .float64))
        let kept = 1 - probability
        #expect(Set(output.array(of: Double.self)) == [0, 1 / kept])
        // The standard error of the share that is kept is at most 0.25 %.
        #expect(abs(output.mean().scalar * kept - kept) < 0.0125)
        #expect((layer(Tensor.ones([100], dtype: .float64)) .!= output[..<100]).any())
    }

    @Test func dropoutIsTheIdentityInEvaluation() {
        var generator = RandomGenerator(seed: 7)
        let layer = Dropout(0.5, using: &generator)
        let input = Tensor.ones([100])
        layer.mode = .evaluation
        #expect(layer(input).id == input.id)
        layer.mode = .training
        #expect(layer(input).mean().scalar != 1)
        #expect(Dropout(0, using: &generator)(input).id == input.id)
    }

    @Test func dropoutDependsOnItsSeedAlone() {
        func outputs(_ seed: UInt64) -> [Tensor] {
            var generator = RandomGenerator(seed: seed)
            let layers = (0..<2).map { _ in Dropout(0.5, using: &generator) }
            return layers.map { $0(Tensor.ones([64])) }
        }
        let (a, b, c) = (outputs(1), outputs(1), outputs(2))
        expectClose(a[0], b[0], tolerance: 0)
        expectClose(a[1], b[1], tolerance: 0)
        #expect((a[0] .!= a[1]).any())
        #expect((a[0] .!= c[0]).any())
    }

    @Test(arguments: [-0.1, 1]) func dropoutRefusesOtherProbabilities(_ probability: Double) async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) { [probability] in
            var generator = RandomGenerator(seed: 7)
            _ = Dropout(probability, using: &generator)
        }
        #expect(result.message.contains("Dropout: the probability \(probability) is not in 0..<1"))
    }

    @Test func pooling() {
        let input = Self.image((0..<16).map(Double.init), 1, 1, 4, 4)
        expectClose(MaxPooling2D(2)(input), Self.image([5, 7, 13, 15], 1, 1, 2, 2))
        expectClose(AveragePooling2D(2)(input), Self.image([2.5, 4.5, 10.5, 12.5], 1, 1, 2, 2))
        expectClose(MaxPooling2D(2, stride: 1)(input)[0, 0, 0], Tensor([5.0, 6, 7]))
        // The border's zeros count: the corner's window holds 0, 1, 4, 5 of nine.
        expectClose(AveragePooling2D(3, stride: 2, padding: 1)(input)[0, 0, 0, 0], Tensor(10.0 / 9))
        expectClose(
            GlobalAveragePooling()(Tensor.concatenate([input, -input], axis: 1)), Self.image([7.5, -7.5], 1, 2))
    }

    @Test func flattenKeepsTheBatch() {
        #expect(Flatten()(Tensor.zeros([2, 3, 4, 5])).shape == [2, 60])
    }

    @Test func activations() {
        let x = Tensor([-1.0, 0, 2])
        func sigmoid(_ x: Double) -> Double { 1 / (1 + exp(-x)) }
        let expected: [(any Module, Activation, (Double) -> Double)] = [
            (Identity(), .identity, { $0 }), (ReLU(), .relu, { max($0, 0) }), (Tanh(), .tanh, { tanh($0) }),
            (Sigmoid(), .sigmoid, sigmoid), (SiLU(), .silu, { $0 * sigmoid($0) }),
            (GELU(), .gelu, { $0 * (1 + erf($0 / sqrt(2))) / 2 }),
        ]
        #expect(Set(expected.map(\.1)) == Set(Activation.allCases))
        for (layer, activation, function) in expected {
            let values = Tensor([-1.0, 0, 2].map(function))
            expectClose(layer(x), values, "\(activation)")
            expectClose(activation(x), values, "\(activation)")
        }
    }

    @Test func residualAddsBothPaths() {
        let double = Linear(weight: Self.image([2, 0, 0, 2], 2, 2))
        let input = Self.image([1, 5], 1, 2)
        expectClose(Residual(double)(input), input * 3)
        expectClose(Residual(double, shortcut: double)(input), input * 4)
    }

    @Test func stridedPaddingAddsEmptyChannels() {
        let input = Self.image((0..<9).map(Double.init), 1, 1, 3, 3)
        let output = StridedPadding(1, 3, stride: 2)(input)
        expectClose(output, Self.image([0, 2, 6, 8] + Array(repeating: 0, count: 8), 1, 3, 2, 2))
    }
}
