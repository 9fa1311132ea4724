import Foundation
import Torch

/// The rule of ``Adam``.
final class AdamRule: GradientRule {
    var configuration: Adam.Configuration {
        didSet { configuration.require(by: "Adam") }
    }
    private let parameters: [NamedParameter]
    private let means: [Tensor]
    private let squares: [Tensor]
    private var updateCount = 0

    init(_ parameters: [NamedParameter], _ configuration: Adam.Configuration) {
        configuration.require(by: "Adam")
        self.parameters = parameters
        self.configuration = configuration
        means = parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
        squares = parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.beta1 }

    func isBounded(atStep step: Int) -> Bool {
        // With a tiny ε, elements without a gradient are 0/0.
        configuration.epsilon >= 1e-15 && (0..<1).contains(configuration.beta2)
            && Self.isBounded(
                rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.beta1)
    }

    func restorePoint() -> () -> Void {
        let (restore, count) = ([means, squares].restorePoint(), updateCount)
        return { [self] in
            restore()
            updateCount = count
        }
    }

    func update(_ gradients: [Tensor], step: Int, report: inout StepReport) {
        let rate = configuration.learningRate(step)
        updateCount += 1
        let (beta1, beta2) = (configuration.beta1, configuration.beta2)
        let meanBias = 1 - pow(beta1, Double(updateCount))
        // Both corrections go into numbers: √(v / c) + ε is (√v + ε √c) / √c.
        let rootBias = (1 - pow(beta2, Double(updateCount))).squareRoot()
        report.time(.update) {
            for (index, parameter) in parameters.enumerated() {
                let (theta, gradient) = (parameter.tensor, gradients[index])
                if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
                means[index].interpolate(inPlaceTowards: gradient, weight: 1 - beta1)
                squares[index].multiply(inPlace: beta2)
                squares[index].add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
                let root = squares[index].squareRoot()
                root.add(inPlace: configuration.epsilon * rootBias)
                theta.add(inPlaceQuotientOf: means[index], root, scale: -rate * rootBias / meanBias)
            }
        }
    }
}

extension AdamRule {
    func save(to snapshot: inout Snapshot) {
        snapshot.set("updateCount", updateCount)
        snapshot.set("mean", means, of: parameters)
        snapshot.set("square", squares, of: parameters)
    }

    func restore(from reader: SnapshotReader) {
        reader.integer("updateCount") { self.updateCount = $0 }
        reader.tensors("mean", into: means, of: parameters)
        reader.tensors("square", into: squares, of: parameters)
    }
}
