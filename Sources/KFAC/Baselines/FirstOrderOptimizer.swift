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
        try guardedStep { try attemptStep(loss) }
    }

    /// Does one step with gradients that were computed elsewhere, such as preconditioned ones.
    ///
    /// Guards look at the gradients and the update as in ``step(_:)``.
    ///
    /// - Parameters:
    ///   - gradients: One for each of the parameters that the optimiser was made for and that require a gradient, in their
    ///     order and shapes; read only.
    ///   - loss: The mean loss, for the report only; NaN where it is not known.
    /// - Throws: ``OptimizerError``; the parameters are then as before.
    @discardableResult
    public func step(gradients: [Tensor], loss: Double = .nan) throws -> StepReport {
        guard gradients.map(\.shape) == parameters.map(\.tensor.shape) else {
            fatalError(
                "FirstOrderOptimizer.step(gradients:): gradients of shapes \(gradients.map(\.shape)) for parameters of "
                    + "shapes \(parameters.map(\.tensor.shape))")
        }
        return try guardedStep {
            var report = StepReport(
                step: stepCount, lossTensor: Tensor(loss), learningRate: rule.learningRate(stepCount),
                momentum: rule.momentum)
            try update(by: gradients.map { $0.detached() }, loss: nil, &report)
            return report
        }
    }

    private func guardedStep(_ attempt: () throws -> StepReport) throws -> StepReport {
        watch.begin()
        var report: StepReport
        do {
            report = try watch.finish(attempt(), guards)
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
        try update(by: gradients, loss: report.lossTensor, &report)
        return report
    }

    private func update(by gradients: [Tensor], loss: Tensor?, _ report: inout StepReport) throws {
        try withoutGradients {
            try requireFinite(gradients, loss, report)
            try rule.update(gradients, of: parameters, step: stepCount, report: &report, guards: guards)
        }
    }

    /// Ends the step where the loss or a gradient is not finite: one wait for the device.
    private func requireFinite(_ gradients: [Tensor], _ loss: Tensor?, _ report: StepReport) throws {
        guard guards.isOn else { return }
        // Gradients of matrices often come transposed, and would be copied for an inner product.
        let squares = gradients.map { $0.squared().sum().to(.float64) }
        let loss = loss?.to(.float64) ?? Tensor.zeros([], dtype: .float64, device: report.lossTensor.device)
        guard !squares.reduce(loss, +).scalar.isFinite else { return }
        guard loss.scalar.isFinite else { throw StepRejection(reason: .lossNotFinite, report: report) }
        let names = zip(squares, parameters).filter { !$0.0.scalar.isFinite }.map(\.1.name)
        throw StepRejection(reason: .gradientNotFinite(parameters: names), report: report)
    }
}
