public import Torch

/// An optimiser that needs the gradient and nothing else: a forward pass, a backward pass, and a rule.
///
/// ``SGD``, ``Adam``, ``Shampoo``, ``SOAP`` and ``Muon`` are such optimisers; they share the passes, so that a comparison
/// of their times is one of the methods.
public class FirstOrderOptimizer: Optimizer {
    public private(set) var stepCount = 0

    private let parameters: [NamedParameter]
    private let rule: any GradientRule

    /// Creates an optimiser of those of the given parameters that require a gradient.
    public convenience init(_ parameters: [NamedParameter], rule: FirstOrderRule) {
        let parameters = parameters.filter(\.tensor.requiresGradient)
        self.init(parameters, rule.rule(for: parameters))
    }

    init(_ parameters: [NamedParameter], _ rule: any GradientRule) {
        self.parameters = parameters
        self.rule = rule
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport {
        var (report, gradients) = try firstOrderPass(
            parameters, step: stepCount, learningRate: rule.learningRate(stepCount), momentum: rule.momentum, loss)
        try withoutGradients { try rule.update(gradients, step: stepCount, report: &report) }
        stepCount += 1
        return report
    }

    public func state() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.under("rule") { rule.save(to: &$0) }
        return snapshot
    }

    public func load(_ state: Snapshot) throws(SnapshotError) {
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        rule.restore(from: reader.under("rule"))
        try reader.finish()
    }
}
