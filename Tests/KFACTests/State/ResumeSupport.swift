import Foundation
import TestSupport
import Torch
import TorchNN

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A model with its data, made anew as often as wanted, and always the same.
struct ResumeSubject {
    let parameters: [NamedParameter]
    /// What has state of its own besides the parameters: running statistics, dropout.
    var module: (any Module)?
    let logits: (_ step: Int, _ range: Range<Int>) -> Tensor

    static let batchSize = 8

    func loss(_ step: Int, _ range: Range<Int> = 0..<ResumeSubject.batchSize) -> Loss {
        let labels = Tensor(range.map { ($0 * 7 + step) % 3 })
        return Loss(Categorical(logits: logits(step, range)), targets: labels)
    }

    /// Everything that a file would hold of the model.
    func state() -> [String: Tensor] {
        let own = parameters.map { (key: $0.name, value: $0.tensor.detached().copy()) }
        return module?.state() ?? Dictionary(uniqueKeysWithValues: own)
    }

    func load(_ state: [String: Tensor]) throws {
        if let module { return try module.load(state: state) }
        withoutGradients { for parameter in parameters { parameter.tensor.assign(state[parameter.name]!) } }
    }

    /// The parameters' bits.
    var bits: [UInt64] {
        parameters.flatMap { $0.tensor.detached().to(.float64).flattened().array(of: Double.self).map(\.bitPattern) }
    }
}

enum ResumeNetwork: CaseIterable {
    case residual
    case embedding
    case convolutions
    case recurrent
    case perceptron

    func make() -> ResumeSubject {
        switch self {
        case .residual: Self.residual()
        case .embedding: Self.embedding()
        case .convolutions: Self.convolutions()
        case .recurrent: Self.recurrent()
        case .perceptron: Self.perceptron()
        }
    }

    private static func data(_ shape: [Int], _ step: Int, _ range: Range<Int>, _ dtype: DType) -> Tensor {
        randomTensor([ResumeSubject.batchSize] + shape, seed: 900 + UInt64(step), dtype: dtype)[range]
    }

    /// Convolutions with batch normalisation and dropout.
    private static func residual() -> ResumeSubject {
        var generator = RandomGenerator(seed: 1)
        let model = ResNet(depth: 8, channels: 2, classes: 3, shortcut: .projection, using: &generator)
        let dropout = Dropout(0.2, using: &generator)
        let both = Sequential(dropout, model)
        return ResumeSubject(parameters: both.namedParameters, module: both) { step, range in
            both(data([2, 6, 6], step, range, .float32))
        }
    }

    private static func embedding() -> ResumeSubject {
        var generator = RandomGenerator(seed: 1)
        let embedding = Embedding(20, 8, using: &generator)
        let normalization = LayerNormalization(8)
        let output = Linear(8, 3, using: &generator)
        let parameters = [("embedding", embedding as any Module), ("normalization", normalization), ("output", output)]
            .flatMap { name, layer in layer.namedParameters.map { NamedParameter("\(name).\($0.name)", $0.tensor) } }
        return ResumeSubject(parameters: parameters) { step, range in
            let indices = Tensor((0..<40).map { ($0 * $0 + $0 / 5 * 7 + step) % 19 }, shape: [8, 5])[range]
            return output(normalization(embedding(indices)).relu().mean(1))
        }
    }

    /// Grouped, depthwise and transposed convolutions, in float64, and a parameter of an unknown operation.
    private static func convolutions() -> ResumeSubject {
        let kernels = [
            parameter([8, 2, 3], seed: 1), parameter([8, 1, 3], seed: 2), parameter([8, 2, 2], seed: 3),
            parameter([3, 8], seed: 4),
        ]
        let gain = parameter([4, 1], seed: 8)
        let parameters =
            kernels.enumerated().map { NamedParameter("kernels.\($0.offset)", $0.element) }
            + [NamedParameter("gain", gain)]
        return ResumeSubject(parameters: parameters) { step, range in
            let x = data([4, 6], step, range, .float64)
            let grouped = convolution(x, weight: kernels[0], padding: [1], groups: 2).tanh()
            let depthwise = convolution(grouped, weight: kernels[1], groups: 8).tanh()
            let geometry = ConvolutionGeometry(kernel: [2], stride: [2], groups: 2, isTransposed: true)
            let up = convolution(depthwise, weight: kernels[2], geometry: geometry) * (1 + gain)
            return linear(up.tanh().windows(along: 2, size: 4, step: 4).mean(3).flattened(from: 1), weight: kernels[3])
        }
    }

    private static func recurrent() -> ResumeSubject {
        let (input, recurrent) = (TestLayer([6, 2], seed: 1), TestLayer([6, 6], hasBias: false, seed: 2))
        let output = TestLayer([3, 6], seed: 3)
        let parameters = input.named("input") + recurrent.named("recurrent") + output.named("output")
        return ResumeSubject(parameters: parameters) { step, range in
            let x = data([5, 2], step, range, .float64)
            let start = Tensor.zeros([range.count, 6], dtype: .float64)
            return output((0..<5).reduce(start) { state, time in (input(x[.all, time]) + recurrent(state)).tanh() })
        }
    }

    /// Layers so wide that their gradients have fewer rows than columns.
    private static func perceptron() -> ResumeSubject {
        var generator = RandomGenerator(seed: 1)
        let model = MultilayerPerceptron([12, 96, 64, 3], using: &generator)
        return ResumeSubject(parameters: model.namedParameters, module: model) { step, range in
            model(data([12], step, range, .float32))
        }
    }
}

/// Runs steps, with a way through a file and new objects before one of them.
func runWithResumption(
    _ network: ResumeNetwork, steps: Int, resumingBefore resumption: Int?,
    optimizer make: ([NamedParameter]) -> any Optimizer
) throws -> [UInt64] {
    var subject = network.make()
    var optimizer = make(subject.parameters)
    for step in 0..<steps {
        if step == resumption {
            // Through the bytes of files, into objects that know nothing.
            let model = try Safetensors(data: Safetensors(tensors: subject.state()).encoded()).tensors
            let state = try Safetensors(data: Safetensors(tensors: optimizer.state().tensors).encoded()).tensors
            subject = network.make()
            optimizer = make(subject.parameters)
            try subject.load(model)
            try optimizer.load(Snapshot(tensors: state))
        }
        let loss = subject.loss
        try optimizer.step(examples: ResumeSubject.batchSize) { loss(step, $0) }
    }
    return subject.bits
}
