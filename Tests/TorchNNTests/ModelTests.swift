import TestSupport
import Testing
import Torch
import TorchNN

@Suite struct ModelTests {
    /// A model with what is known of it.
    struct Case: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let input: [Int]
        let output: [Int]
        let parameterCount: Int
        /// The calls of operations with weights in one pass.
        let uses: Int
        let make: @Sendable (inout RandomGenerator) -> any Module
    }

    static let cases = [
        Case(
            testDescription: "ConvNet", input: [2, 1, 28, 28], output: [2, 10],
            parameterCount: 320 + 18_496 + 73_856 + 11_530, uses: 4
        ) { ConvNet(using: &$0) },
        Case(
            testDescription: "ConvNet for 32×32 colour images", input: [2, 3, 32, 32], output: [2, 7],
            parameterCount: (27 + 1) * 8 + (72 + 1) * 16 + (16 * 64 + 1) * 7, uses: 3
        ) { ConvNet(channels: [3, 8, 16], imageSize: 32, classes: 7, using: &$0) },
        Case(
            testDescription: "LeNet5", input: [2, 1, 28, 28], output: [2, 10], parameterCount: 61_706, uses: 5
        ) { LeNet5(using: &$0) },
        Case(
            testDescription: "MultilayerPerceptron", input: [2, 784], output: [2, 10],
            parameterCount: 785 * 100 + 101 * 50 + 51 * 10, uses: 3
        ) { MultilayerPerceptron([784, 100, 50, 10], activation: .relu, using: &$0) },
        Case(
            testDescription: "Autoencoder", input: [2, 784], output: [2, 784],
            parameterCount: 785_000 + 500_500 + 125_250 + 7530 + 7750 + 125_500 + 501_000 + 784_784, uses: 8
        ) { Autoencoder(using: &$0) },
        // 19 convolutions, each with batch normalisation, and the linear layer.
        Case(
            testDescription: "ResNet-20", input: [2, 3, 32, 32], output: [2, 10], parameterCount: 269_722, uses: 39
        ) { ResNet(using: &$0) },
        Case(
            testDescription: "ResNet-20 with projections", input: [2, 3, 32, 32], output: [2, 10],
            parameterCount: 272_474, uses: 43
        ) { ResNet(shortcut: .projection, using: &$0) },
        // The paper's table 6: 0.46 million.
        Case(
            testDescription: "ResNet-32", input: [1, 3, 16, 16], output: [1, 10], parameterCount: 464_154, uses: 63
        ) { ResNet(depth: 32, using: &$0) },
        // The stem, four stages, the linear layer; 20 convolutions, each with batch normalisation.
        Case(
            testDescription: "ResNet-18", input: [1, 3, 32, 32], output: [1, 10],
            parameterCount: 1728 + 128 + 147_968 + 525_568 + 2_099_712 + 8_393_728 + 5130, uses: 41
        ) { ResNet.resNet18(using: &$0) },
        Case(
            testDescription: "ResNet of two stages", input: [2, 1, 8, 8], output: [2, 3],
            parameterCount: 36 + 8 + (2 * 144 + 16) + (216 + 324 + 24) + (2 * 324 + 24) + 7 * 3, uses: 15
        ) { ResNet(stages: [(4, 1), (6, 2)], channels: 1, classes: 3, using: &$0) },
        Case(
            testDescription: "VGGSmall", input: [2, 1, 28, 28], output: [2, 10],
            parameterCount: 640 + 36_928 + 73_856 + 147_584 + 295_168 + 590_080 + (256 * 9 + 1) * 10, uses: 7
        ) { VGGSmall(using: &$0) },
        Case(
            testDescription: "VGGSmall for 32×32 colour images", input: [1, 3, 32, 32], output: [1, 4],
            parameterCount: 1792 + 36_928 + 73_856 + 147_584 + 295_168 + 590_080 + (256 * 16 + 1) * 4, uses: 7
        ) { VGGSmall(channels: 3, imageSize: 32, classes: 4, using: &$0) },
    ]

    @Test(arguments: cases) func shapesAndCounts(_ c: Case) {
        var generator = RandomGenerator(seed: 1)
        let model = c.make(&generator)
        let input = generator.normal(c.input)
        let (output, uses) = recordingLayerUses { model(input) }
        #expect(output.shape == c.output)
        #expect(output.isFinite().all())
        #expect(model.parameterCount == c.parameterCount)
        #expect(uses.count == c.uses)
        // Each parameter is seen by exactly one use.
        #expect(Set(uses.flatMap(\.parameters).map(\.id)) == Set(model.parameters.map(\.id)))
        #expect(uses.flatMap(\.parameters).count == model.parameters.count)
    }

    @Test func sizesOfFeatureMaps() {
        var generator = RandomGenerator(seed: 1)
        func maps(_ model: any Module, _ input: [Int]) -> [[Int]] {
            recordingLayerUses { model(Tensor.zeros(input)) }.uses.filter { $0.weight.rank == 4 }
                .map { Array($0.preActivation.shape.dropFirst()) }
        }
        #expect(maps(ConvNet(using: &generator), [1, 1, 28, 28]) == [[32, 28, 28], [64, 14, 14], [128, 7, 7]])
        #expect(maps(LeNet5(using: &generator), [1, 1, 28, 28]) == [[6, 28, 28], [16, 10, 10]])
        #expect(
            maps(ResNet(using: &generator), [1, 3, 32, 32])
                == Array(repeating: [16, 32, 32], count: 7) + Array(repeating: [32, 16, 16], count: 6)
                + Array(repeating: [64, 8, 8], count: 6))
        #expect(
            maps(VGGSmall(using: &generator), [1, 1, 28, 28])
                == [[64, 28, 28], [64, 28, 28], [128, 14, 14], [128, 14, 14], [256, 7, 7], [256, 7, 7]])
        #expect(
            maps(ResNet.resNet18(shortcut: .padding, using: &generator), [1, 3, 32, 32])
                == Array(repeating: [64, 32, 32], count: 5) + Array(repeating: [128, 16, 16], count: 4)
                + Array(repeating: [256, 8, 8], count: 4) + Array(repeating: [512, 4, 4], count: 4))
    }

    @Test(arguments: cases) func seedsDetermineModels(_ c: Case) {
        func model(_ seed: UInt64) -> any Module {
            var generator = RandomGenerator(seed: seed)
            return c.make(&generator)
        }
        let first = model(1)
        #expect(first.hasSameState(as: model(1)))
        #expect(!first.hasSameState(as: model(2)))
    }

    @Test func namesOfParameters() {
        var generator = RandomGenerator(seed: 1)
        #expect(
            ConvNet(using: &generator).parameterNames == [
                "convolutions.0.weight", "convolutions.0.bias", "convolutions.1.weight", "convolutions.1.bias",
                "convolutions.2.weight", "convolutions.2.bias", "classifier.weight", "classifier.bias",
            ])
        let autoencoder = Autoencoder([4, 3, 2], using: &generator)
        #expect(autoencoder.parameterNames.first == "encoder.layers.0.weight")
        #expect(autoencoder.parameterNames.last == "decoder.layers.1.bias")
        let names = ResNet(shortcut: .projection, using: &generator).parameterNames
        #expect(names[0..<3] == ["convolution.weight", "normalization.weight", "normalization.bias"])
        #expect(names.contains("stages.1.0.shortcut.0.weight"))
        #expect(names.contains("stages.2.2.normalization2.bias"))
    }

    @Test func autoencoderCodeIsLinearAndSparse() {
        var generator = RandomGenerator(seed: 1)
        let model = Autoencoder([20, 18, 3], dtype: .float64, using: &generator)
        let input = generator.normal([5, 20], dtype: .float64)
        let layers = model.encoder.layers
        expectClose(model.encoder(input), layers[1](layers[0](input).tanh()))
        #expect((layers[0].weight .== 0).to(.int64).sum().scalar == 18 * 5)
        #expect(model.parameters.filter { $0.rank == 1 }.allSatisfy { $0.abs().max().scalar == 0 })
        #expect(model.decoder.layers.map(\.weight.shape) == [[18, 3], [20, 18]])
    }

    @Test func modelsOfDoublePrecision() {
        var generator = RandomGenerator(seed: 1)
        let models: [any Module] = [
            ConvNet(dtype: .float64, using: &generator), LeNet5(dtype: .float64, using: &generator),
            MultilayerPerceptron([4, 2], dtype: .float64, using: &generator),
            Autoencoder([4, 3, 2], dtype: .float64, using: &generator),
            ResNet(depth: 8, shortcut: .projection, dtype: .float64, using: &generator),
            VGGSmall(imageSize: 8, dtype: .float64, using: &generator),
        ]
        for model in models {
            #expect(model.state().values.allSatisfy { $0.dtype == .float64 }, "\(type(of: model))")
        }
    }

    @Test func sizesThatDoNotFitTrap() async {
        await #expect(processExitsWith: .success) {
            expectTrap("ResNet: the depth 18 is not 6n + 2") {
                var generator = RandomGenerator(seed: 1)
                _ = ResNet(depth: 18, using: &generator)
            }
            expectTrap("VGGSmall: images of 7 pixels cannot be halved three times") {
                var generator = RandomGenerator(seed: 1)
                _ = VGGSmall(imageSize: 7, using: &generator)
            }
            expectTrap("at least one is needed, each of channels and blocks") {
                var generator = RandomGenerator(seed: 1)
                _ = ResNet(stages: [(16, 1), (32, 0)], using: &generator)
            }
        }
    }

    /// Images with a bright half: which half is the class.
    private static func halves(seed: UInt64) -> (images: Tensor, labels: Tensor) {
        var generator = RandomGenerator(seed: seed)
        let labels = generator.integers([32], in: 0..<4)
        let images = generator.normal([32, 1, 8, 8], standardDeviation: 0.3, dtype: .float64)
        for (index, label) in labels.array(of: Int.self).enumerated() {
            let half = label % 2 == 0 ? 0..<4 : 4..<8
            let bright = label < 2 ? images[index, 0, half] : images[index, 0, .all, half]
            bright.add(inPlace: 1)
        }
        return (images, labels)
    }

    @Test(arguments: [true, false]) func gradientDescentLearns(normalizes: Bool) {
        func losses() -> [Double] {
            let (images, labels) = Self.halves(seed: 3)
            var generator = RandomGenerator(seed: 4)
            let model: any Module =
                normalizes
                ? ResNet(depth: 8, channels: 1, classes: 4, dtype: .float64, using: &generator)
                : ConvNet(
                    channels: [1, 8, 16], imageSize: 8, classes: 4, weight: .kaimingUniform(), bias: .zeros,
                    dtype: .float64, using: &generator)
            return (0..<25).map { _ in
                let logProbabilities = model(images).logSoftmax()
                let loss = -logProbabilities.elements(at: labels.expanded(at: 1), along: 1).mean()
                let slopes = gradients(of: loss, withRespectTo: model.parameters)
                withoutGradients {
                    for (parameter, slope) in zip(model.parameters, slopes) {
                        parameter.add(inPlace: slope, scale: -0.2)
                    }
                }
                return loss.scalar
            }
        }
        let first = losses()
        #expect(first[24] < first[0] / 10, "the loss went from \(first[0]) to \(first[24])")
        #expect(losses() == first)
    }
}
