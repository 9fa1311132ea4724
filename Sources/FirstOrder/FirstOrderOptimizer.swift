public import Optimization
public import Torch

/// An optimiser that needs the gradient and nothing else: a forward pass, a backward pass, and a rule.
///
/// ``SGD``, ``Adam``, ``Shampoo``, ``SOAP``, ``KLShampoo`` and ``Muon`` are such optimisers; they share the passes, so
/// that a comparison of their times is one of the methods.
///
/// Each step moves the parameters that require a gradient at that time and that the loss depends on. A frozen
/// parameter, and one that a batch does not use (an expert, or a head of several), stays as it is, without weight
/// decay, and joins in again later; a step's report says so once. All that a method remembers of a parameter begins
/// with the parameter's first gradient and stands still without one: momentum and moments do not decay, and the counts
/// that correct their bias and decide when a preconditioner is due are the parameter's own. Only schedules see the
/// number of the step.
public class FirstOrderOptimizer: Optimizer {
    public private(set) var stepCount = 0

    /// The guards against losses, gradients and updates that are not finite; may be changed between steps.
    public var guards = Guards() {
        didSet { guards.require(by: "FirstOrderOptimizer") }
    }

    private var watch = GuardWatch()
    private let parameters: [NamedParameter]
    /// The numbers of the parameters that required a gradient when the optimiser was made.
    private let active: [Int]
    private let rule: any GradientRule
    /// The messages so far about parameters that are not moved.
    private var roles = ParameterRoles()
    private let gate = StepGate()

    /// Creates an optimiser of the given parameters, frozen ones among them.
    ///
    /// - Parameters:
    ///   - parameters: Each tensor once, under a name of its own; none takes memory before its first gradient.
    ///   - rule: The method.
    public convenience init(_ parameters: [NamedParameter], rule: FirstOrderRule) {
        self.init(parameters, rule.rule(for: parameters))
    }

    init(_ parameters: [NamedParameter], _ rule: any GradientRule) {
        self.parameters = parameters
        self.rule = rule
        active = parameters.indices.filter { parameters[$0].tensor.requiresGradient }
        parameters.requireDistinct(by: "\(type(of: self))")
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport {
        try gate.run("\(type(of: self)).step") {
            try checkingMemory(ofStep: stepCount, remedies: [.smallerBatch], restore: replacePoint()) {
                try guardedStep { try attemptStep { try gate.runModel(loss) } }
            }
        }
    }

    /// Does one step with gradients that were computed elsewhere, such as preconditioned ones.
    ///
    /// Guards look at the gradients and the update as in ``step(_:)``. Parameters that were frozen meanwhile stay as
    /// they are, whatever their gradient.
    ///
    /// - Parameters:
    ///   - gradients: One for each of the parameters that the optimiser was made for and that required a gradient then,
    ///     in their order, shapes and types, nil for those that are to be left alone; read only.
    ///   - loss: The mean loss, for the report only; NaN if it is not known.
    /// - Throws: ``/Optimization/OptimizerError``; the parameters are then as before.
    @discardableResult
    public func step(gradients: [Tensor?], loss: Double = .nan) throws -> StepReport {
        let shapes = active.map { parameters[$0].tensor.shape }
        guard gradients.fit(shapes) else {
            fatalError(
                "FirstOrderOptimizer.step(gradients:): gradients of shapes \(gradients.shapes) for parameters of "
                    + "shapes \(shapes)")
        }
        active.map { parameters[$0] }.requireTypes(of: gradients, by: "FirstOrderOptimizer.step(gradients:)")
        return try gate.run("\(type(of: self)).step", recordsGradients: false) {
            try checkingMemory(ofStep: stepCount, remedies: [.smallerBatch], restore: replacePoint()) {
                try guardedStep {
                    var report = StepReport(
                        step: stepCount, lossTensor: Tensor(loss), learningRate: rule.learningRate(stepCount),
                        momentum: rule.momentum)
                    var all = [Tensor?](repeating: nil, count: parameters.count)
                    for (index, gradient) in zip(active, gradients) where parameters[index].tensor.requiresGradient {
                        all[index] = gradient?.detached()
                    }
                    try update(by: all, loss: nil, &report)
                    return report
                }
            }
        }
    }

    /// Gives a function that puts back all that a step replaces; not what it writes in place.
    private func replacePoint() -> () -> Void {
        let (stepCount, watch, roles, restoreRule) = (stepCount, watch, roles, rule.replacePoint())
        return { [self] in
            (self.stepCount, self.watch, self.roles) = (stepCount, watch, roles)
            restoreRule()
        }
    }

    private func guardedStep(_ attempt: () throws -> StepReport) throws -> StepReport {
        watch.begin(guards)
        let roles = roles
        var report: StepReport
        do {
            report = try watch.finish(attempt())
        } catch let rejection as StepRejection {
            report = try watch.reject(rejection)
        } catch {
            // The messages have not been reported.
            self.roles = roles
            throw error
        }
        stepCount.countOn()
        return report
    }

    public func state() -> Snapshot {
        gate.run("\(type(of: self)).state", recordsGradients: false) { currentState() }
    }

    private func currentState() -> Snapshot {
        var snapshot = Snapshot()
        snapshot.set("stepCount", stepCount)
        snapshot.set("guards", watch.state)
        snapshot.under("rule") { rule.save(to: &$0) }
        return snapshot
    }

    public func load(_ state: Snapshot) throws(SnapshotError) {
        try gate.run("\(type(of: self)).load", recordsGradients: false) { () throws(SnapshotError) in try restore(state)
        }
    }

    private func restore(_ state: Snapshot) throws(SnapshotError) {
        let reader = SnapshotReader(state, of: "the optimizer")
        reader.integer("stepCount") { self.stepCount = $0 }
        reader.guardState("guards") { self.watch.state = $0 }
        reader.whenFitting { self.roles = ParameterRoles() }
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

    /// - Parameter gradients: One for each parameter; nil for those that the step does not move.
    private func update(by gradients: [Tensor?], loss: Tensor?, _ report: inout StepReport) throws {
        try requireReached(gradients, of: parameters)
        let moved = Set(gradients.reached.map { parameters[$0.index].tensor.id })
        report.messages = roles.update(parameters) { moved.contains($0.tensor.id) }
        try withoutGradients {
            try requireFinite(gradients, loss, report)
            try MemoryFault.check()
            try rule.update(gradients, of: parameters, step: stepCount, report: &report, guards: guards)
        }
    }

    /// Ends the step where the loss or a gradient is not finite: one wait for the device.
    private func requireFinite(_ gradients: [Tensor?], _ loss: Tensor?, _ report: StepReport) throws {
        guard guards.isOn else { return }
        // Gradients of matrices often come transposed, and would be copied for an inner product.
        let squares = gradients.map { $0?.squared().sum().to(.float64) }
        let loss = loss?.to(.float64) ?? Tensor.zeros([], dtype: .float64, device: report.lossTensor.device)
        guard !squares.compactMap(\.self).reduce(loss, +).scalar.isFinite else { return }
        guard loss.scalar.isFinite else { throw StepRejection(reason: .lossNotFinite, report: report) }
        let names = zip(squares, parameters).filter { $0.0?.scalar.isFinite == false }.map(\.1.name)
        throw StepRejection(reason: .gradientNotFinite(parameters: names), report: report)
    }
}
