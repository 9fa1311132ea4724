import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// A small classifier for each kind of layer, with what the layer needs around it.
enum GuardCase: String, CaseIterable, CustomTestStringConvertible, Sendable {
    case linear, linearWithoutBias, linearDiagonalInput, linearReduce, linearDiagonal, linearExact, linearWide
    case convolution, convolutionUncorrelated, convolutionDiagonal, grouped, groupedExact, transposed
    case embedding, scaleAndShift, scaleAndShiftFull, scaleOnly
    case shared, timeSeries, longSeries
    case biasAlone, genericDiagonal, genericFull

    var testDescription: String { rawValue }

    static let classes = 3

    /// The choices that lead to the blocks.
    var choices: LayerChoices {
        let approximation: Approximation =
            switch self {
            case .linear, .linearWithoutBias, .linearExact, .linearWide, .convolution, .grouped, .groupedExact,
                .transposed,
                .embedding, .shared:
                .kronecker()
            case .linearDiagonalInput: .kronecker(input: .diagonal)
            case .linearReduce: .kronecker(sharing: .reduce)
            case .linearDiagonal, .convolutionDiagonal, .scaleOnly: .diagonal
            case .convolutionUncorrelated: .uncorrelatedPixels
            case .scaleAndShift: .unitwise
            case .scaleAndShiftFull, .biasAlone: .full
            case .timeSeries: .timeSeries(.symmetricLag)
            case .longSeries: .timeSeries(.longSeries)
            case .genericDiagonal: .genericDiagonal
            case .genericFull: .genericFull
            }
        return LayerChoices(names: ["layer": approximation])
    }

    var settings: FactorSettings {
        FactorSettings(
            dampingSplit: self == .linearExact || self == .groupedExact ? .exact : .traceRatio,
            dimensionLimit: self == .linearWide ? 3 : 5120, blockSize: self == .linearWide ? 2 : 256)
    }

    /// Whether faults are put on the layer's output, as its input is of whole numbers.
    var takesIndices: Bool { self == .embedding }

    private var weight: [Int] {
        switch self {
        case .convolution, .convolutionUncorrelated, .convolutionDiagonal: [4, 2, 2, 2]
        case .grouped, .groupedExact: [4, 1, 2, 2]
        case .transposed: [2, 4, 2, 2]
        case .scaleAndShift, .scaleAndShiftFull, .scaleOnly: [2]
        default: [4, 6]
        }
    }

    private var biasCount: Int? {
        switch self {
        case .linearWithoutBias, .transposed, .embedding, .scaleOnly, .shared, .longSeries, .genericDiagonal,
            .genericFull:
            nil
        case .scaleAndShift, .scaleAndShiftFull: 2
        default: 4
        }
    }

    /// A network of this kind.
    func network(_ dtype: DType = .float64) -> GuardNetwork { GuardNetwork(self, dtype) }

    /// The tensors of the layer.
    fileprivate func parameters(_ dtype: DType) -> [NamedParameter] {
        let shape = self == .embedding ? [5, 4] : isSeries ? [4, 4] : weight
        let bias = biasCount.map { [NamedParameter("layer.bias", parameter([$0], seed: 2, dtype: dtype))] } ?? []
        if self == .biasAlone { return bias }
        return [NamedParameter("layer.weight", parameter(shape, seed: 1, dtype: dtype))] + bias
    }

    /// Whether the layer is used once for each step of a series.
    var isSeries: Bool { [.shared, .timeSeries, .longSeries].contains(self) }

    var isGeneric: Bool { self == .genericDiagonal || self == .genericFull }

    /// The shape of an example.
    private var inputShape: [Int] {
        switch self {
        case .convolution, .convolutionUncorrelated, .convolutionDiagonal, .grouped, .groupedExact, .transposed,
            .scaleAndShift, .scaleAndShiftFull, .scaleOnly:
            [2, 4, 3]
        case .linearReduce: [3, 6]
        case .shared, .timeSeries, .longSeries: [5, 4]
        case .embedding: [3]
        default: [6]
        }
    }

    /// A batch of inputs.
    func inputs(_ count: Int, seed: UInt64, dtype: DType) -> Tensor {
        guard self == .embedding else { return randomTensor([count] + inputShape, seed: seed, dtype: dtype) }
        var generator = RandomGenerator(seed: seed)
        return generator.integers([count] + inputShape, in: 0..<5)
    }

    /// The layer and what is behind it: [batch, features].
    fileprivate func features(_ x: Tensor, _ parameters: [NamedParameter]) -> Tensor {
        let (weight, bias) = (parameters[0].tensor, parameters.dropFirst().first?.tensor)
        let geometry = ConvolutionGeometry(
            kernel: [2, 2], groups: self == .grouped || self == .groupedExact ? 2 : 1, isTransposed: self == .transposed
        )
        switch self {
        case .convolution, .convolutionUncorrelated, .convolutionDiagonal, .grouped, .groupedExact, .transposed:
            return Torch.convolution(x, weight: weight, bias: bias, geometry: geometry).tanh().mean(2, 3)
        case .scaleAndShift, .scaleAndShiftFull, .scaleOnly:
            return Torch.scaleAndShift(x, scale: weight, shift: bias, axes: [1]).tanh().flattened(from: 1)
        case .linearReduce: return Torch.linear(x, weight: weight, bias: bias).tanh().mean(1)
        case .embedding: return Torch.embedding(x, weight: weight).tanh().mean(1)
        case .shared, .timeSeries, .longSeries:
            let start = Tensor.zeros([x.shape[0], 4], dtype: x.dtype)
            return (0..<5).reduce(start) {
                Torch.linear($0 + x[.all, $1], weight: weight, bias: bias).tanh()
            }
        case .biasAlone: return (Torch.linear(x, weight: randomTensor([4, 6], dtype: x.dtype), bias: weight)).tanh()
        case .genericDiagonal, .genericFull: return Tensor.einsum("bi,oi->bo", x, weight)
        default: return Torch.linear(x, weight: weight, bias: bias).tanh()
        }
    }
}

/// A layer, a function, and a linear layer with three outputs, on random inputs whose classes can be learned.
struct GuardNetwork {
    let kind: GuardCase
    let dtype: DType
    let parameters: [NamedParameter]
    private let output: TestLayer
    private let layer: [NamedParameter]

    init(_ kind: GuardCase, _ dtype: DType) {
        self.kind = kind
        self.dtype = dtype
        layer = kind.parameters(dtype)
        let x = kind.inputs(1, seed: 1, dtype: dtype)
        output = TestLayer([GuardCase.classes, kind.features(x, layer).shape[1]], seed: 3, dtype: dtype)
        parameters = layer + output.named("output")
    }

    /// A batch of inputs with their classes, which depend on the inputs.
    func batch(_ count: Int, seed: UInt64) -> (inputs: Tensor, labels: Tensor) {
        let x = kind.inputs(count, seed: seed, dtype: dtype)
        let sums = x.to(.float64).flattened(from: 1)[.all, 0..<2].sum(1)
        let edges = kind.takesIndices ? (2.5, 5.5) : (-0.4, 0.4)
        let labels = (sums .> edges.0).to(.int64) + (sums .> edges.1).to(.int64)
        return (x, labels)
    }

    /// The logits; `change` acts on what enters the layer, or on what leaves it where that cannot be.
    func logits(_ x: Tensor, _ change: (Tensor) -> Tensor = { $0 }) -> Tensor {
        kind.takesIndices
            ? output(change(kind.features(x, layer))) : output(kind.features(change(x), layer))
    }

    /// The loss of a batch; `change` acts as in ``logits(_:_:)``, `after` on the logits.
    func loss(
        _ batch: (inputs: Tensor, labels: Tensor), _ change: (Tensor) -> Tensor = { $0 },
        after: (Tensor) -> Tensor = { $0 }
    ) -> Loss {
        Loss(Categorical(logits: after(logits(batch.inputs, change))), targets: batch.labels)
    }

    /// Whether all parameters are finite.
    var isFinite: Bool { parameters.allSatisfy { $0.tensor.detached().isFinite().all() } }

    /// An optimiser of all parameters.
    func optimizer(
        rule: StepRule = .fixed(learningRate: 0.1), inverses: InverseSchedule = .together(every: 3),
        damping: Damping = 0.1, estimation: Estimation = .sampled(),
        preconditionerDamping: PreconditionerDamping = .proportional(), eigenvalues: EigenvalueSource = .factors,
        guards: Guards = Guards()
    ) -> KFACOptimizer {
        KFACOptimizer(
            parameters,
            configuration: .init(
                rule: rule, damping: damping, preconditionerDamping: preconditionerDamping,
                eigenvalues: eigenvalues, estimation: estimation, inverses: inverses, factors: kind.settings,
                layers: kind.choices, guards: guards))
    }

    /// The parameters' elements, to the bit.
    var bits: [[UInt64]] {
        parameters.map { $0.tensor.detached().to(.float64).array(of: Double.self).map(\.bitPattern) }
    }
}
