import Testing
import Torch
import TorchNN

/// Each layer's gradients with respect to input and parameters, against central differences.
@Suite struct LayerGradientTests {
    private static func input(_ shape: Int..., seed: UInt64 = 5) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        return generator.normal(shape, dtype: .float64)
    }

    @Test(arguments: [true, false], [[4], [3, 4], [2, 3, 4]])
    func linearLayer(hasBias: Bool, shape: [Int]) {
        var generator = RandomGenerator(seed: 1)
        let layer = Linear(4, 3, bias: hasBias ? .standard : nil, dtype: .float64, using: &generator)
        #expect(layer.parameters.count == (hasBias ? 2 : 1))
        expectGradientsMatchDifferences(layer, input: generator.normal(shape, dtype: .float64))
    }

    @Test(arguments: [(1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (1, 1, 1, 2)])
    func convolution2D(stride: Int, padding: Int, dilation: Int, groups: Int) {
        var generator = RandomGenerator(seed: 1)
        let layer = Convolution2D(
            2, 4, kernel: 3, stride: stride, padding: padding, dilation: dilation, groups: groups, dtype: .float64,
            using: &generator)
        expectGradientsMatchDifferences(layer, input: Self.input(2, 2, 5, 6))
    }

    @Test func otherConvolutions() {
        var generator = RandomGenerator(seed: 1)
        expectGradientsMatchDifferences(
            Convolution1D(2, 3, kernel: 3, stride: 2, padding: 1, dtype: .float64, using: &generator),
            input: Self.input(2, 2, 7))
        expectGradientsMatchDifferences(
            Convolution3D(2, 2, kernel: 2, bias: nil, dtype: .float64, using: &generator),
            input: Self.input(1, 2, 3, 3, 3))
        expectGradientsMatchDifferences(
            TransposedConvolution2D(
                2, 3, kernel: 3, stride: 2, padding: 1, outputPadding: 1, dtype: .float64, using: &generator),
            input: Self.input(2, 2, 3, 3))
        let oblong = ConvolutionGeometry(kernel: [2, 3], stride: [1, 2], padding: [0, 1])
        expectGradientsMatchDifferences(
            Convolution(2, 2, geometry: oblong, dtype: .float64, using: &generator), input: Self.input(2, 2, 4, 5))
    }

    @Test func embeddingLayer() {
        var generator = RandomGenerator(seed: 1)
        // Row 3 occurs twice, row 1 not at all.
        expectGradientsMatchDifferences(
            Embedding(4, 3, dtype: .float64, using: &generator), input: Tensor([[3, 0], [2, 3]].flatMap(\.self)))
    }

    @Test(arguments: [ModuleMode.training, .evaluation], [[6, 3], [4, 3, 2], [3, 3, 2, 2]])
    func batchNormalization(mode: ModuleMode, shape: [Int]) throws {
        var generator = RandomGenerator(seed: 1)
        let layer = BatchNormalization(3, dtype: .float64)
        var state = layer.state()
        for (name, tensor) in state {
            state[name] = generator.uniform(tensor.shape, in: 0.5..<2, dtype: .float64)
        }
        try layer.load(state: state)
        layer.mode = mode
        expectGradientsMatchDifferences(layer, input: generator.normal(shape, dtype: .float64))
    }

    @Test func layerNormalization() throws {
        var generator = RandomGenerator(seed: 1)
        for layer in [LayerNormalization(4, dtype: .float64), LayerNormalization(3, 4, dtype: .float64)] {
            var state = layer.state()
            for (name, tensor) in state { state[name] = generator.normal(tensor.shape, dtype: .float64) }
            try layer.load(state: state)
            expectGradientsMatchDifferences(layer, input: Self.input(2, 3, 4))
        }
    }

    @Test func layersWithoutParameters() {
        var generator = RandomGenerator(seed: 1)
        let image = Self.input(2, 2, 5, 5)
        let layers: [any Module] = [
            MaxPooling2D(2), MaxPooling2D(3, stride: 2, padding: 1), AveragePooling2D(2),
            AveragePooling2D(3, stride: 2, padding: 1), GlobalAveragePooling(), Flatten(), Identity(), ReLU(), Tanh(),
            Sigmoid(), GELU(), SiLU(), StridedPadding(2, 5, stride: 2), Dropout(0.4, using: &generator),
        ]
        for layer in layers {
            #expect(layer.parameters.isEmpty)
            expectGradientsMatchDifferences(layer, input: image)
        }
    }

    @Test func compositions() {
        var generator = RandomGenerator(seed: 1)
        let shared = Linear(4, 4, dtype: .float64, using: &generator)
        expectGradientsMatchDifferences(
            Sequential(
                shared, Tanh(), Residual(Sequential(LayerNormalization(4, dtype: .float64), shared, GELU())),
                Dropout(0.3, using: &generator), Linear(4, 2, dtype: .float64, using: &generator)),
            input: Self.input(3, 4))
    }

    @Test(arguments: ResNet.Shortcut.allCases) func residualBlock(_ shortcut: ResNet.Shortcut) {
        var generator = RandomGenerator(seed: 1)
        expectGradientsMatchDifferences(
            ResidualBlock(2, 3, stride: 2, shortcut: shortcut, dtype: .float64, using: &generator),
            input: Self.input(2, 2, 4, 4))
    }
}
