import Optimization
import Torch

/// The rule of ``SGD``.
final class SGDRule: RememberingRule {
    var configuration: SGD.Configuration {
        didSet { configuration.require(by: "SGD") }
    }
    var memory: RuleMemory<Memory>

    struct Memory: ParameterMemory {
        let velocity: Tensor

        var tensors: [Tensor] { [velocity] }

        func save(to snapshot: inout Snapshot) { snapshot.set("velocity", velocity) }

        func restore(from reader: SnapshotReader) { reader.tensor("velocity", into: velocity) }
    }

    init(_ parameters: [NamedParameter], _ configuration: SGD.Configuration) {
        configuration.require(by: "SGD")
        self.configuration = configuration
        memory = RuleMemory(parameters) { Memory(velocity: Tensor.zeros(like: $0)) }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.momentum }

    func isBounded(atStep step: Int) -> Bool {
        Self.isBounded(
            rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.momentum)
    }

    func update(_ gradients: [Tensor?], step: Int, report: inout StepReport) {
        let rate = configuration.learningRate(step)
        let (momentum, decay) = (configuration.momentum, configuration.weightDecay)
        report.time(.update) {
            memory.begin(gradients)
            for (index, gradient) in gradients.reached {
                let (theta, velocity) = (memory.parameters[index].tensor, memory[index].velocity)
                velocity.multiply(inPlace: momentum)
                velocity.add(inPlace: gradient)
                if decay != 0 { velocity.add(inPlace: theta, scale: decay) }
                if configuration.nesterov {
                    if decay != 0 { theta.multiply(inPlace: 1 - rate * decay) }
                    theta.add(inPlace: gradient, scale: -rate)
                    theta.add(inPlace: velocity, scale: -rate * momentum)
                } else {
                    theta.add(inPlace: velocity, scale: -rate)
                }
            }
        }
    }
}
