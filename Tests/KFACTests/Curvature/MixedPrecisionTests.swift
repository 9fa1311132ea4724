import TestSupport
import Testing
import Torch
import TorchNN

@testable import Curvature
@testable import KFAC
@testable import Optimization

/// Models that run in bfloat16: curvature, steps and parameters in float32.
@Suite("Curvature in mixed precision") struct MixedPrecisionTests {
    /// A network with its input; layers of all kinds.
    enum Network: CaseIterable, Sendable {
        case perceptron, convolutions, residual, recurrent, embedding

        /// The share by which bfloat16 may change curvature.
        ///
        /// It rounds, and switches units behind rectifiers on or off. Normalisations with few examples enlarge both;
        /// PyTorch's gradients differ as much there.
        var tolerance: Double { self == .residual ? 0.4 : 0.06 }

        func make(_ dtype: DType) -> (parameters: [NamedParameter], logits: () -> Tensor) {
            var generator = RandomGenerator(seed: 1)
            func input(_ shape: [Int]) -> Tensor { randomTensor([12] + shape, seed: 2, dtype: .float32).to(dtype) }
            func plain(_ model: some Module, _ x: Tensor) -> ([NamedParameter], () -> Tensor) {
                for parameter in model.namedParameters where parameter.tensor.dtype != dtype {
                    fatalError("\(parameter.name) has another type")
                }
                return (model.namedParameters, { model(x) })
            }
            switch self {
            case .perceptron:
                return plain(MultilayerPerceptron([6, 8, 3], dtype: dtype, using: &generator), input([6]))
            case .convolutions:
                return plain(
                    ConvNet(channels: [1, 4, 6], imageSize: 8, classes: 3, dtype: dtype, using: &generator),
                    input([1, 8, 8]))
            case .residual:
                return plain(
                    ResNet(
                        depth: 8, channels: 2, classes: 3, shortcut: .projection, dtype: dtype, using: &generator),
                    input([2, 8, 8]))
            case .recurrent:
                return plain(
                    RowNetwork(rowSize: 4, hidden: 8, classes: 3, dtype: dtype, using: &generator), input([1, 6, 4]))
            case .embedding:
                let table = Embedding(9, 6, dtype: dtype, using: &generator)
                let norm = LayerNormalization(6, dtype: dtype)
                let output = Linear(6, 3, dtype: dtype, using: &generator)
                let indices = Tensor((0..<60).map { ($0 * $0 * 3 + $0 / 5 * $0) % 9 }, shape: [12, 5])
                let parameters = [("table", table as any Module), ("norm", norm), ("output", output)].flatMap {
                    name, layer in layer.namedParameters.map { NamedParameter("\(name).\($0.name)", $0.tensor) }
                }
                return (parameters, { output(norm(table(indices)).mean(1)) })
            }
        }

        func setting(_ dtype: DType, mixes: Bool) -> (parameters: [NamedParameter], loss: () -> Loss) {
            let (parameters, logits) = make(dtype)
            let labels = Tensor((0..<12).map { $0 % 3 })
            return (
                parameters, { withMixedPrecision(mixes) { Loss(Categorical(logits: logits()), targets: labels) } }
            )
        }
    }

    /// The distance of two lists of tensors, as a share of the second one's length.
    static func distance(_ a: [Tensor], _ b: [Tensor]) -> Double {
        func square(_ tensors: [Tensor]) -> Double {
            tensors.reduce(0) { $0 + $1.detached().to(.float64).squared().sum().scalar }
        }
        return (square(zip(a, b).map { $0.detached().to(.float64) - $1.detached() }) / square(b)).squareRoot()
    }

    /// All that a step takes from a model: the same as in float64, but for rounding.
    @Test(arguments: Network.allCases) func curvature(of network: Network) throws {
        let (parameters, loss) = network.setting(.float32, mixes: true)
        let (exactParameters, exactLoss) = network.setting(.float64, mixes: false)
        let configuration = ModelCurvature.Configuration(estimation: .exact)
        let curvature = ModelCurvature(of: parameters, configuration: configuration)
        let exact = ModelCurvature(of: exactParameters, configuration: configuration)
        try curvature.update(loss)
        try exact.update(exactLoss)
        #expect(curvature.blocks.map { "\(type(of: $0))" } == exact.blocks.map { "\(type(of: $0))" })
        // Matrices of whole layers would take gigabytes.
        for (part, expected) in zip(try curvature.matrix().parts, try exact.matrix().parts) {
            let vectors = randomTensor([part.matrix.dimension, 4], seed: 3, dtype: .float32)
            let product = part.matrix.apply(vectors)
            #expect(product.dtype == .float32)
            #expect(
                Self.distance([product], [expected.matrix.apply(vectors.to(.float64))]) < network.tolerance,
                "\(part.block.parameters.map(\.name))")
        }
        let (mean, exactMean) = (loss(), exactLoss())
        #expect(abs(mean.mean.scalar - exactMean.mean.scalar) < 0.02)
        let gradient = gradients(of: mean.mean, withRespectTo: parameters.map(\.tensor), keepingGraph: true)
        let exactGradient = gradients(
            of: exactMean.mean, withRespectTo: exactParameters.map(\.tensor), keepingGraph: true)
        #expect(gradient.allSatisfy { $0.dtype == .float32 })
        #expect(Self.distance(gradient, exactGradient) < network.tolerance)
    }

    /// Products with the Fisher matrix of the whole model go through layers in their own precision.
    @Test(arguments: Network.allCases, [true, false]) func products(of network: Network, byLayers: Bool) throws {
        func product(_ dtype: DType, mixes: Bool) -> [Tensor] {
            let (parameters, loss) = network.setting(dtype, mixes: mixes)
            let (batch, uses) = recordingLayerUses(loss)
            let products = CurvatureProducts(
                batch, parameters: parameters.map(\.tensor), layerUses: byLayers ? uses : [])
            let vector = parameters.enumerated().map {
                randomTensor($1.tensor.shape, seed: UInt64(10 + $0), dtype: .float32).to(dtype)
            }
            return products.product(of: .fisher, with: vector)
        }
        let mixed = product(.float32, mixes: true)
        #expect(mixed.allSatisfy { $0.dtype == .float32 })
        #expect(Self.distance(mixed, product(.float64, mixes: false)) < network.tolerance)
    }

    static let configurations: [KFACOptimizer.Configuration] = [
        .init(learningRate: 0.1, damping: 0.05),
        .init(
            rule: .quadraticModel(QuadraticModelRule()), damping: .adaptive(LevenbergMarquardt(initial: 0.1))),
    ]

    /// Steps are those of float32, in kind: parameters stay float32, the loss falls, and the same run gives the same
    /// bits.
    @Test(arguments: Network.allCases, configurations.indices)
    func training(of network: Network, configuration: Int) throws {
        func train() throws -> (losses: [Double], parameters: [Tensor]) {
            let (parameters, loss) = network.setting(.float32, mixes: true)
            let optimizer = KFACOptimizer(parameters, configuration: Self.configurations[configuration])
            let losses = try (0..<12).map { _ in try optimizer.step(loss).loss }
            return (losses, parameters.map(\.tensor))
        }
        let (losses, parameters) = try train()
        #expect(losses.last! < 0.7 * losses[0], "\(losses)")
        #expect(parameters.allSatisfy { $0.dtype == .float32 })
        for (one, other) in zip(parameters, try train().parameters) {
            #expect(one.array(of: Float.self) == other.array(of: Float.self))
        }
    }

    /// A thin gradient is proved by digits that bfloat16 does not have.
    @Test func gradientsAreNotTakenApart() throws {
        var generator = RandomGenerator(seed: 1)
        let layer = Linear(200, 200, using: &generator)
        let x = randomTensor([4, 200], seed: 2, dtype: .float32)
        let curvature = ModelCurvature(of: layer.namedParameters)
        try curvature.update {
            withMixedPrecision { Loss(Normal(mean: layer(x)), targets: Tensor.zeros([4, 200])) }
        }
        let (_, uses) = recordingLayerUses { withMixedPrecision { layer(x) } }
        let (_, others) = recordingLayerUses { layer(x) }
        let block = try #require(curvature.blocks.first as? KroneckerBlock)
        #expect(block.thinUse(among: others) != nil && block.thinUse(among: uses) == nil)
    }

    @Test func parametersAreNotOfBFloat16() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            let weight = Tensor.ones([2, 2], dtype: .bfloat16).requiringGradient()
            _ = KFACOptimizer([NamedParameter("weight", weight)])
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(
            text.contains("KFACOptimizer: the parameter 'weight' is of type bfloat16; float32 or float64 is needed"))
    }

    /// What a distribution of one's own keeps in bfloat16 would make all that follows as rough.
    @Test func distributionsConvert() async {
        let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
            struct Rough: PredictiveDistribution {
                let logits: Tensor
                var parameters: [Tensor] { [logits] }
                var hasNaturalParameters: Bool { true }
                func negativeLogLikelihood(of targets: Tensor) -> Tensor { logits.sum(1) }
                func sample(using generator: inout RandomGenerator) -> Tensor { logits }
                var fisherRank: Int { 1 }
                func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { vectors }
                func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { [vector] }
                func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor { vectors[0] }
            }
            _ = Loss(Rough(logits: Tensor.ones([2, 1], dtype: .bfloat16)), targets: Tensor.ones([2, 1]))
        }
        let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(text.contains("bfloat16[2, 1] of Rough") && text.contains("inFullPrecision"))
    }
}
