import Foundation
import Optimization
import Torch

/// The rule of ``Adam``.
final class AdamRule: RememberingRule {
    var configuration: Adam.Configuration {
        didSet { configuration.require(by: "Adam") }
    }
    var memory: RuleMemory<Memory>

    struct Memory: ParameterMemory {
        let mean: Tensor
        let square: Tensor
        /// The number of gradients in them, by which their bias is corrected.
        var updateCount = 0

        var tensors: [Tensor] { [mean, square] }

        func save(to snapshot: inout Snapshot) {
            snapshot.set("updateCount", updateCount)
            snapshot.set("mean", mean)
            snapshot.set("square", square)
        }

        mutating func restore(from reader: SnapshotReader) {
            updateCount = reader.integer("updateCount") ?? 0
            reader.tensor("mean", into: mean)
            reader.tensor("square", into: square)
            reader.requireSquares("square")
        }
    }

    init(_ parameters: [NamedParameter], _ configuration: Adam.Configuration) {
        configuration.require(by: "Adam")
        self.configuration = configuration
        memory = RuleMemory(parameters) { Memory(mean: Tensor.zeros(like: $0), square: Tensor.zeros(like: $0)) }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.beta1 }

    func isBounded(atStep step: Int) -> Bool {
        // With a tiny ε, elements without a gradient are 0/0.
        configuration.epsilon >= 1e-15 && (0..<1).contains(configuration.beta2)
            && Self.isBounded(
                rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.beta1)
    }

    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) {
        let rate = configuration.learningRate(step)
        let (beta1, beta2) = (configuration.beta1, configuration.beta2)
        report.time(.update) {
            memory.begin(gradients)
            for (index, gradient) in gradients.reached {
                memory[index].updateCount.countOn()
                let (theta, own) = (memory.parameters[index].tensor, memory[index])
                let meanBias = 1 - pow(beta1, Double(own.updateCount))
                // Both corrections go into numbers: √(v / c) + ε is (√v + ε √c) / √c.
                let rootBias = (1 - pow(beta2, Double(own.updateCount))).squareRoot()
                if configuration.weightDecay != 0 { theta.multiply(inPlace: 1 - rate * configuration.weightDecay) }
                own.mean.interpolate(inPlaceTowards: gradient, weight: 1 - beta1)
                own.square.multiply(inPlace: beta2)
                own.square.add(inPlaceProductOf: gradient, gradient, scale: 1 - beta2)
                let root = own.square.squareRoot()
                root.add(inPlace: configuration.epsilon * rootBias)
                theta.add(inPlaceQuotientOf: own.mean, root, scale: -rate * rootBias / meanBias)
            }
        }
    }
}
