import TestSupport
import Testing
import Torch
import TorchNN

/// Models of convolutions in both layouts of images.
@Suite struct ImageLayoutModelTests {
    private static let models:
        [(name: String, input: [Int], make: @Sendable (DType, inout RandomGenerator) -> any Module)] = [
            ("ConvNet", [3, 1, 28, 28], { ConvNet(dtype: $0, using: &$1) }),
            (
                "ConvNet of colours", [2, 3, 18, 18],
                { ConvNet(channels: [3, 5, 20], imageSize: 18, dtype: $0, using: &$1) }
            ),
            ("LeNet5", [2, 1, 28, 28], { LeNet5(dtype: $0, using: &$1) }),
            ("VGGSmall", [2, 1, 28, 28], { VGGSmall(dtype: $0, using: &$1) }),
            ("ResNet", [2, 3, 32, 32], { ResNet(depth: 14, dtype: $0, using: &$1) }),
            (
                "ResNet by projection", [2, 3, 17, 17],
                { ResNet(depth: 8, shortcut: .projection, dtype: $0, using: &$1) }
            ),
            (
                "Sequential", [2, 3, 12, 12],
                { dtype, generator in
                    Sequential([
                        Convolution2D(3, 8, kernel: 3, dtype: dtype, using: &generator),
                        BatchNormalization(8, dtype: dtype), ReLU(), MaxPooling2D(2),
                        Convolution2D(8, 8, kernel: 3, groups: 4, dtype: dtype, using: &generator),
                        GlobalAveragePooling(),
                        Flatten(), Linear(8, 4, dtype: dtype, using: &generator),
                    ])
                }
            ),
        ]

    private static func model(_ number: Int, _ dtype: DType, _ layout: ImageLayout?) -> any Module {
        var generator = RandomGenerator(seed: 3)
        let model = models[number].make(dtype, &generator)
        model.setImageLayout(layout)
        return model
    }

    @Test(arguments: models.indices) func outputsAndGradientsAreTheSame(number: Int) {
        let input = randomTensor(Self.models[number].input)
        func all(_ layout: ImageLayout) -> [Tensor] {
            let model = Self.model(number, .float64, layout)
            let output = model(input)
            let weights = randomTensor(output.shape, seed: 5)
            return [output.detached()] + gradients(of: [output], weightedBy: [weights], withRespectTo: model.parameters)
        }
        for (standard, last) in zip(all(.standard), all(.channelsLast)) {
            expectClose(last, standard, relative: 1e-8, absolute: 1e-10)
        }
    }

    /// Every convolution sees images in the layout, and gives gradients of what came out in it to whoever asks.
    @Test(arguments: models.indices) func layoutIsKeptAllTheWay(number: Int) {
        let input = randomTensor(Self.models[number].input, dtype: .float32)
        for layout in ImageLayout.allCases {
            let model = Self.model(number, .float32, layout)
            let (output, uses) = recordingLayerUses { model(input) }
            let images = uses.filter { $0.input.rank == 4 && $0.input.shape[2] > 1 }
            #expect(images.count >= 2)
            let slopes = gradients(of: [output.squared().sum()], withRespectTo: images.map(\.preActivation))
            for (use, slope) in zip(images, slopes) {
                #expect(use.input.imageLayout == layout && use.preActivation.imageLayout == layout, "\(use.operation)")
                #expect(slope.imageLayout == layout, "\(use.operation), \(slope.shape)")
            }
        }
    }

    @Test func fasterOneIsTheDefault() {
        var generator = RandomGenerator(seed: 1)
        let layer = Convolution2D(3, 4, kernel: 3, using: &generator)
        let images = randomTensor([2, 3, 5, 5], dtype: .float32)
        let faster = ImageLayout.preferred(for: .float32, on: .cpu)
        #expect(layer.imageLayout == nil && layer(images).imageLayout == faster)
        let double = Convolution2D(3, 4, kernel: 3, dtype: .float64, using: &generator)
        #expect(double(images.to(.float64)).imageLayout == .standard)
        layer.setImageLayout(.standard)
        #expect(layer(images).imageLayout == .standard)
        #expect(layer(images.contiguous(in: .channelsLast)).imageLayout == .standard)
        layer.setImageLayout(.channelsLast)
        #expect(layer(images).imageLayout == .channelsLast)
        layer.setImageLayout(nil)
        #expect(layer(images).imageLayout == faster)
    }

    @Test func convolutionsOfOtherRanksHaveNone() {
        var generator = RandomGenerator(seed: 1)
        let line = Convolution1D(2, 3, kernel: 3, using: &generator)
        let volume = Convolution3D(2, 3, kernel: 2, using: &generator)
        for layer in [line, volume] as [Convolution] { layer.setImageLayout(.channelsLast) }
        #expect(line(randomTensor([2, 2, 6], dtype: .float32)).shape == [2, 3, 4])
        #expect(volume(randomTensor([2, 2, 3, 3, 3], dtype: .float32)).shape == [2, 3, 2, 2, 2])
    }

    /// Parameters lie in memory as they always do, and so do the files of their states.
    @Test func parametersStayInTheStandardLayout() throws {
        let model = Self.model(4, .float32, .channelsLast)
        for parameter in model.parameters { #expect(parameter.isContiguous) }
        let loss = model(randomTensor([2, 3, 32, 32], dtype: .float32)).squared().sum()
        for (parameter, gradient) in zip(model.parameters, gradients(of: [loss], withRespectTo: model.parameters)) {
            withoutGradients { parameter.add(inPlace: gradient, scale: -0.01) }
            #expect(parameter.isContiguous)
        }
        let other = Self.model(4, .float32, .standard)
        try other.load(state: model.state())
        for (a, b) in zip(model.parameters, other.parameters) { #expect((a .== b).all() && b.isContiguous) }
    }
}
