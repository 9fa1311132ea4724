import Torch

/// The rule of ``SGD``.
final class SGDRule: GradientRule {
    var configuration: SGD.Configuration {
        didSet { configuration.require(by: "SGD") }
    }
    private let parameters: [NamedParameter]
    private let velocities: [Tensor]

    init(_ parameters: [NamedParameter], _ configuration: SGD.Configuration) {
        configuration.require(by: "SGD")
        self.parameters = parameters
        self.configuration = configuration
        velocities = parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
    }

    var learningRate: Schedule { configuration.learningRate }
    var momentum: Double { configuration.momentum }

    func isBounded(atStep step: Int) -> Bool {
        Self.isBounded(
            rate: configuration.learningRate(step), decay: configuration.weightDecay, momentum: configuration.momentum)
    }

    func restorePoint() -> () -> Void { [velocities].restorePoint() }

    func update(_ gradients: [Tensor], step: Int, report: inout StepReport) {
        let rate = configuration.learningRate(step)
        let (momentum, decay) = (configuration.momentum, configuration.weightDecay)
        report.time(.update) {
            for (index, parameter) in parameters.enumerated() {
                let (theta, velocity, gradient) = (parameter.tensor, velocities[index], gradients[index])
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

extension SGDRule {
    func save(to snapshot: inout Snapshot) { snapshot.set("velocity", velocities, of: parameters) }

    func restore(from reader: SnapshotReader) { reader.tensors("velocity", into: velocities, of: parameters) }
}
