import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Networks of all kinds of layers: the loss falls.
@Suite struct NetworkTrainingTests {
    static let labels = Tensor((0..<12).map { $0 % 3 })

    /// Trains and expects a loss below the given share of the first one.
    static func expectTraining(
        _ parameters: [NamedParameter], steps: Int = 15, share: Double = 0.5,
        configuration: KFACOptimizer.Configuration = .init(learningRate: 0.1, damping: 0.05), messages: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation, _ logits: () -> Tensor
    ) throws {
        let optimizer = KFACOptimizer(parameters, configuration: configuration)
        func step() throws -> StepReport {
            try optimizer.step { Loss(Categorical(logits: logits()), targets: labels) }
        }
        let first = try step()
        #expect(first.messages.count == messages, sourceLocation: sourceLocation)
        var last = first
        for _ in 1..<steps { last = try step() }
        #expect(last.loss < share * first.loss, "\(first.loss) to \(last.loss)", sourceLocation: sourceLocation)
    }

    @Test(arguments: [nil, Approximation.full, .diagonal]) func residualNetwork(norms: Approximation?) throws {
        var generator = RandomGenerator(seed: 1)
        let model = ResNet(depth: 8, channels: 2, classes: 3, shortcut: .projection, using: &generator)
        let x = randomTensor([12, 2, 8, 8], seed: 2, dtype: .float32)
        var choices = LayerChoices()
        choices.kinds[.scaleAndShift] = norms
        try Self.expectTraining(
            model.namedParameters, configuration: .init(rule: .fixed(learningRate: 0.1), damping: 0.05, layers: choices)
        ) { model(x) }
    }

    /// An embedding, a layer normalisation, a linear layer at each position and one behind the mean.
    @Test(arguments: [Approximation.Sharing.expand, .reduce]) func embeddingNetwork(
        sharing: Approximation.Sharing
    ) throws {
        var generator = RandomGenerator(seed: 1)
        let embedding = Embedding(20, 8, using: &generator)
        let normalization = LayerNormalization(8)
        let hidden = Linear(8, 8, using: &generator)
        let output = Linear(8, 3, using: &generator)
        let layers: [(String, any Module)] = [
            ("embedding", embedding), ("normalization", normalization), ("hidden", hidden), ("output", output),
        ]
        let parameters = layers.flatMap { name, layer in
            layer.namedParameters.map { NamedParameter("\(name).\($0.name)", $0.tensor) }
        }
        let indices = Tensor((0..<60).map { ($0 * $0 * $0 + $0 / 5 * 7 + $0) % 19 }, shape: [12, 5])
        let choices = LayerChoices(kinds: [.linear: .kronecker(sharing: sharing)])
        try Self.expectTraining(
            parameters, steps: 40, configuration: .init(rule: .fixed(learningRate: 0.1), damping: 0.05, layers: choices)
        ) { output(hidden(normalization(embedding(indices))).relu().mean(1)) }
    }

    /// Depthwise and grouped convolutions, a transposed one, and a parameter of an unknown operation.
    @Test func convolutionsOfAllKinds() throws {
        let kernels = [
            parameter([8, 2, 3], seed: 1), parameter([8, 1, 3], seed: 2), parameter([8, 2, 2], seed: 3),
            parameter([3, 8], seed: 4),
        ]
        let (biases, gain) = (
            [parameter([8], seed: 5), parameter([8], seed: 6), parameter([4], seed: 7)], parameter([4, 1], seed: 8)
        )
        let parameters =
            kernels.enumerated().map { NamedParameter("kernels.\($0.offset)", $0.element) }
            + biases.enumerated().map { NamedParameter("biases.\($0.offset)", $0.element) }
            + [NamedParameter("gain", gain)]
        let x = randomTensor([12, 4, 6], seed: 9)
        try Self.expectTraining(parameters, steps: 30, share: 0.7, messages: 1) {
            let grouped = convolution(x, weight: kernels[0], bias: biases[0], padding: [1], groups: 2).tanh()
            let depthwise = convolution(grouped, weight: kernels[1], bias: biases[1], groups: 8).tanh()
            let geometry = ConvolutionGeometry(kernel: [2], stride: [2], groups: 2, isTransposed: true)
            let up = convolution(depthwise, weight: kernels[2], bias: biases[2], geometry: geometry) * (1 + gain)
            return linear(up.tanh().windows(along: 2, size: 4, step: 4).mean(3).flattened(from: 1), weight: kernels[3])
        }
    }

    /// A recurrent network: each weight is used once a step, taken for independent or as a time series.
    @Test(arguments: [Approximation.kronecker(), .timeSeries(.symmetricLag), .timeSeries(.longSeries)])
    func recurrentNetwork(approximation: Approximation) throws {
        let (input, recurrent) = (TestLayer([6, 2], seed: 1), TestLayer([6, 6], hasBias: false, seed: 2))
        let output = TestLayer([3, 6], seed: 3)
        let x = randomTensor([12, 5, 2], seed: 4)
        let choices = LayerChoices(names: ["input": approximation, "recurrent": approximation])
        try Self.expectTraining(
            input.named("input") + recurrent.named("recurrent") + output.named("output"), steps: 40, share: 0.7,
            configuration: .init(rule: .fixed(learningRate: 0.1), damping: 0.3, layers: choices)
        ) {
            let start = Tensor.zeros([12, 6], dtype: .float64)
            return output((0..<5).reduce(start) { state, step in (input(x[.all, step]) + recurrent(state)).tanh() })
        }
    }
}
