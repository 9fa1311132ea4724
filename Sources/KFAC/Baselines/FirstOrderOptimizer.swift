public import Torch

/// An optimiser that needs the gradient and nothing else: a forward pass, a backward pass, and a rule.
///
/// ``SGD``, ``Adam``, ``Shampoo``, ``SOAP`` and ``Muon`` are such optimisers; they share the passes, so that a comparison
/// of their times is one of the methods.
public class FirstOrderOptimizer: Optimizer {
    public private(set) var stepCount = 0

    /// What is done about losses, gradients and updates that are not finite; may be changed between steps.
    public var guards = Guards() {
        didSet { guards.require(by: "FirstOrderOptimizer") }
    }

    private var watch = GuardWatch()
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
        watch.begin()
        var report: StepReport
        do {
            report = try attemptStep(loss)
            report = try watch.finish(report, guards)
        } catch let rejection as StepRejection {
            report = try watch.reject(rejection, guards)
        }
        stepCount += 1
        return report
    }

    public func state() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.set("guards", watch.state)
        snapshot.under("rule") { rule.save(to: &$0) }
        return snapshot
    }

    public func load(_ state: Snapshot) throws(SnapshotError) {
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        reader.guardState("guards") { self.watch.state = $0 }
        rule.restore(from: reader.under("rule"))
        try reader.finish()
    }

    /// - Throws: ``StepRejection`` beside errors.
    private func attemptStep(_ loss: () throws -> Loss) throws -> StepReport {
        var (report, gradients) = try firstOrderPass(
            parameters, step: stepCount, learningRate: rule.learningRate(stepCount), momentum: rule.momentum, loss)
        try withoutGradients {
            try requireFinite(gradients, report)
            try rule.update(gradients, of: parameters, step: stepCount, report: &report, guards: guards)
        }
        return report
    }

    /// Ends the step where the loss or a gradient is not finite: one wait for the device.
    private func requireFinite(_ gradients: [Tensor], _ report: StepReport) throws {
        guard guards.isOn else { return }
        // Gradients of matrices often come transposed, and would be copied for an inner product.
        let squares = gradients.map { $0.squared().sum().to(.float64) }
        let loss = report.lossTensor.to(.float64)
        guard !squares.reduce(loss, +).scalar.isFinite else { return }
        guard loss.scalar.isFinite else { throw StepRejection(reason: .lossNotFinite, report: report) }
        let names = zip(squares, parameters).filter { !$0.0.scalar.isFinite }.map(\.1.name)
        throw StepRejection(reason: .gradientNotFinite(parameters: names), report: report)
    }
}
