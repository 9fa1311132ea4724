import FirstOrder
import KFAC
import Torch
import TorchNN
import Training

/// A network with a layer of each common kind, and a state besides its parameters.
final class FuzzProblem: Problem {
    let name = "Fuzz"
    let trainingCount = 12
    let testCount = 4
    let parameters: [NamedParameter]
    private let model: Sequential
    private let images: Tensor
    private let labels = Tensor((0..<12).map { $0 % 2 })

    init() {
        var generator = RandomGenerator(seed: 3)
        images = generator.normal([12, 1, 3, 3])
        model = Sequential(
            Convolution2D(1, 2, kernel: 2, using: &generator), Tanh(), Flatten(), Linear(8, 3, using: &generator),
            BatchNormalization(3), LayerNormalization(3), Dropout(0.1, using: &generator),
            Linear(3, 2, using: &generator))
        parameters = model.namedParameters
    }

    func trainingBatch(at indices: Tensor) -> Tensor { indices }

    func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { batch[range] }

    func loss(of batch: Tensor) -> Loss {
        Loss(Categorical(logits: model(images.gathered(batch))), targets: labels.gathered(batch))
    }

    func evaluate(limit: Int?) -> Score {
        model.withMode(.evaluation) {
            withoutGradients {
                Score(examples: testCount, loss: loss(of: Tensor(Array(0..<testCount))).mean.scalar)
            }
        }
    }

    func state() -> [String: Tensor] { model.state() }

    func load(state: [String: Tensor]) throws { try model.load(state: state) }
}

/// How the network is trained: an optimiser in a form that stores much.
enum FuzzMethod: String, CaseIterable {
    case background, adaptive, mixed, moments
    case sgd, adam, shampoo, soap, muon

    /// What K-FAC does, and the methods that need the gradient only.
    static let kfac = [background, adaptive, mixed, moments]
    static let baselines = [sgd, adam, shampoo, soap, muon]

    func optimizer(_ parameters: [NamedParameter]) -> any Optimizer {
        switch self {
        case .background: kfac(parameters, .init(inverses: .background(every: 3, after: 2)))
        case .adaptive:
            kfac(
                parameters,
                .init(
                    rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: 1, interval: 1)),
                    preconditionerDamping: .adaptive(GammaSearch(interval: 2)),
                    inverses: .whenStale(beyond: 0.1, atMost: 4)))
        case .mixed:
            kfac(
                parameters,
                .init(
                    damping: 0.01, inverses: .roundRobin(every: 3),
                    layers: LayerChoices(
                        names: ["0": .uncorrelatedPixels, "3": .kronecker(input: .diagonal), "4": .diagonal],
                        firstOrder: ["7"]),
                    firstOrderRule: .soap(SOAP.Configuration(period: 2))))
        case .moments: kfac(parameters, .init(rule: .eigenbasisMoments(), inverses: .background(every: 3, after: 2)))
        case .sgd: SGD(parameters, configuration: .init(nesterov: true))
        case .adam: Adam(parameters)
        case .shampoo: Shampoo(parameters, configuration: .init(period: 2, start: 2))
        case .soap: SOAP(parameters, configuration: .init(period: 2))
        case .muon: Muon(parameters)
        }
    }

    private func kfac(_ parameters: [NamedParameter], _ configuration: KFACOptimizer.Configuration) -> KFACOptimizer {
        KFACOptimizer(parameters, configuration: configuration, generator: RandomGenerator(seed: 4))
    }
}
