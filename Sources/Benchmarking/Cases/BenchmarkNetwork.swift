import KFAC
import Torch
import TorchNN

/// A network whose training steps are timed, on random examples.
public indirect enum BenchmarkNetwork: Sendable, Hashable, LosslessStringConvertible {
    /// ``/TorchNN/ConvNet`` on 28×28 pixels.
    case convNet
    /// ``/TorchNN/ResNet`` of a depth 6n + 2 on 32×32 pixels of three colours.
    case resNet(depth: Int)
    /// ResNet-18 on 32×32 pixels of three colours.
    case resNet18
    /// ``/TorchNN/VGGSmall`` on 28×28 pixels.
    case vggSmall
    /// ``/TorchNN/MultilayerPerceptron`` of 784-2048-2048-10: layers wider than a batch has examples.
    case perceptron
    /// ``/TorchNN/Autoencoder`` of 784 pixels, with the quadratic model, inverses and the adaptation of the damping
    /// every five steps: the settings of the 2015 paper as kfac-jax has them.
    case autoencoder
    /// The same with statistics on an eighth of the batch and the quadratic model on a quarter, as in the paper.
    case autoencoderFractions
    /// Another one's network, stepped by moments in the eigenbasis of the curvature: statistics of 32 examples at every
    /// eighth step and a new basis at every fortieth.
    case moments(of: BenchmarkNetwork)

    /// Parses "convnet", "resnet18", "vgg-small", "perceptron", "autoencoder", "autoencoder-fractions", or "resnet20"
    /// of any depth; or one of these with "-moments" behind it.
    public init?(_ description: String) {
        let suffix = "-moments"
        if description.hasSuffix(suffix) {
            guard let network = Self(String(description.dropLast(suffix.count))), !network.hasMoments else {
                return nil
            }
            self = .moments(of: network)
            return
        }
        let named = [Self.convNet, .resNet18, .vggSmall, .perceptron, .autoencoder, .autoencoderFractions]
        let narrow = stride(from: 8, through: 1202, by: 6).map { Self.resNet(depth: $0) }
        guard let network = (named + narrow).first(where: { $0.description == description }) else { return nil }
        self = network
    }

    /// The name, as it is parsed.
    public var description: String {
        switch self {
        case .convNet: "convnet"
        case .resNet(let depth): "resnet\(depth)"
        case .resNet18: "resnet18"
        case .vggSmall: "vgg-small"
        case .perceptron: "perceptron"
        case .autoencoder: "autoencoder"
        case .autoencoderFractions: "autoencoder-fractions"
        case .moments(let network): "\(network)-moments"
        }
    }

    /// The number of examples of a step, where nothing else is said.
    public var batchSize: Int {
        switch self {
        case .convNet: 256
        case .resNet, .perceptron: 128
        case .resNet18: 32
        case .vggSmall: 64
        case .autoencoder, .autoencoderFractions: 1000
        case .moments(let network): network.batchSize
        }
    }

    /// The number of steps between inverses.
    var inversePeriod: Int { hasMoments ? 40 : isAutoencoder ? 5 : 10 }

    /// The number of steps between updates of the statistics.
    private var statisticsPeriod: Int { hasMoments ? 8 : 1 }

    /// The share of a batch that statistics are of.
    private func statisticsFraction(batchSize: Int) -> Double {
        hasMoments ? min(1, 32 / Double(batchSize)) : self == .autoencoderFractions ? 1 / 8 : 1
    }

    /// The share of the batch for the quadratic model; nil where the learning rate is given.
    private var quadraticFraction: Double? { self == .autoencoderFractions ? 1 / 4 : isAutoencoder ? 1 : nil }

    private var isAutoencoder: Bool { self == .autoencoder || self == .autoencoderFractions }

    private var hasMoments: Bool { if case .moments = self { true } else { false } }

    /// The least work of a mean step on batches of a size.
    func work(_ step: StepWork, batchSize: Int) -> Work {
        let fraction = statisticsFraction(batchSize: batchSize) / Double(statisticsPeriod)
        return hasMoments
            ? step.eigenbasisMoments(basisPeriod: inversePeriod, statisticsFraction: fraction)
            : step.naturalGradient(
                inversePeriod: inversePeriod, statisticsFraction: fraction, quadraticFraction: quadraticFraction)
    }

    /// A network with initial parameters that are always the same.
    func model() -> any Module {
        var generator = RandomGenerator(seed: 2)
        switch self {
        case .convNet: return ConvNet(using: &generator)
        case .resNet(let depth): return ResNet(depth: depth, using: &generator)
        case .resNet18: return ResNet.resNet18(using: &generator)
        case .vggSmall: return VGGSmall(using: &generator)
        case .perceptron: return MultilayerPerceptron([784, 2048, 2048, 10], activation: .relu, using: &generator)
        case .autoencoder, .autoencoderFractions:
            return Autoencoder(weight: .xavierUniform(), using: &generator)
        case .moments(let network): return network.model()
        }
    }

    /// The loss of a network on a range of random examples, which are always the same.
    func loss(batchSize: Int) -> (_ model: any Module, _ range: Range<Int>) -> Loss {
        if case .moments(let network) = self { return network.loss(batchSize: batchSize) }
        var generator = RandomGenerator(seed: 1)
        let shape =
            switch self {
            case .convNet, .vggSmall: [batchSize, 1, 28, 28]
            case .resNet, .resNet18: [batchSize, 3, 32, 32]
            default: [batchSize, 784]
            }
        if isAutoencoder {
            let images = generator.uniform(shape)
            return { model, range in
                let part = images[range]
                return Loss(Bernoulli(logits: model(part)), targets: part)
            }
        }
        let images = generator.normal(shape)
        let labels = generator.integers([batchSize], in: 0..<10)
        return { model, range in Loss(Categorical(logits: model(images[range])), targets: labels[range]) }
    }

    /// K-FAC as it is timed: fresh statistics at each step, but for moments.
    func configuration(batchSize: Int) -> KFACOptimizer.Configuration {
        // The first step needs inverses; that the next ones have them too is no property of the mean step.
        let inverses = InverseSchedule.together(every: inversePeriod, initially: 1)
        let fraction = statisticsFraction(batchSize: batchSize)
        guard !hasMoments else {
            return KFACOptimizer.Configuration(
                rule: .eigenbasisMoments(EigenbasisMoments(learningRate: 1e-4)), statisticsPeriod: statisticsPeriod,
                statisticsFraction: fraction, inverses: inverses)
        }
        guard let quadraticFraction else {
            return KFACOptimizer.Configuration(rule: .fixed(learningRate: 0.01), inverses: inverses)
        }
        return KFACOptimizer.Configuration(
            rule: .quadraticModel(QuadraticModelRule(fraction: quadraticFraction)),
            damping: .adaptive(LevenbergMarquardt()), statisticsFraction: fraction, inverses: inverses,
            regularization: Regularization(l2: 1e-5))
    }
}
