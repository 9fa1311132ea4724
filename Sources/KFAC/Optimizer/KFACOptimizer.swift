public import Curvature
import FirstOrder
public import Optimization
public import Torch

/// K-FAC: the natural gradient with a Kronecker-factored approximation of the Fisher matrix.
///
/// Each step runs the model once, estimates the curvature of each layer from targets drawn from the model's own
/// predictions, and moves the parameters by the damped inverse of that curvature times the gradient (Martens & Grosse
/// 2015; convolutions: Grosse & Martens 2016). Layers are found by what they do: nothing is registered.
///
/// With inverses every T steps, a step costs about that of SGD, one more backward pass to the pre-activations, and the
/// second moments of the layers' inputs and output gradients. Rules that look further cost more: see
/// ``QuadraticModelRule`` and ``LevenbergMarquardt``, which call the loss closure again in the same step, with
/// gradients recorded. It must then give the same loss again. What it draws from a ``/Torch/RandomGenerator`` on the
/// calling thread comes out the same in all calls of one step, dropout masks for example, and counts as drawn once: see
/// ``/Torch/RandomReplay``. Other sources of chance (of another library, or on other threads) must be kept the same by
/// the closure.
public final class KFACOptimizer: Optimizer {
    /// The settings; may be changed between steps, except for ``Configuration/factors``, ``Configuration/layers``
    /// and ``Configuration/firstOrderRule``.
    ///
    /// Settings out of bounds, and changes of those three, are misuse.
    public var configuration: Configuration {
        didSet {
            configuration.requireFixed(since: oldValue)
            configuration.require(by: "KFACOptimizer")
            curvature.configuration = configuration.ofCurvature
        }
    }
    public internal(set) var stepCount = 0

    /// The curvature that the steps estimate: of the layers found, for products, inverses, or a Laplace approximation
    /// of the trained model.
    ///
    /// Its settings follow ``configuration``.
    public let curvature: ModelCurvature

    /// The parameters that the natural gradient moves in this step: those that have a block, require a gradient and
    /// that the loss depends on.
    var parameters: [NamedParameter]
    /// The rule for parameters without a block, and for all parameters that may turn out to be such.
    var firstOrder: (parameters: [NamedParameter], rule: any GradientRule)?
    /// Those that the choices name.
    let namedFirstOrder: [NamedParameter]
    /// The velocity of each parameter that has been moved.
    var velocityByParameter: [Tensor.ID: Tensor] = [:]
    /// The moments of the gradient of each parameter that has been moved, where the rule keeps such.
    var momentsByParameter: [Tensor.ID: GradientMoments] = [:]
    /// The messages so far about parameters that are not moved.
    var roles = ParameterRoles()
    /// Whether a step has been taken that the velocities remember.
    var hasVelocity = false
    var preconditioner = Preconditioner()
    /// λ, where it is adapted.
    var adaptedDamping: Double?
    /// γ², where it is searched for.
    var searchedDamping: Double?
    /// The guards' memory, and their events of this step.
    var watch = GuardWatch()
    let gate = StepGate()

    /// Creates an optimiser of the given parameters, but for those that are excluded.
    ///
    /// Each step moves those that require a gradient at that time and that the loss depends on. A frozen parameter, and
    /// one that a batch does not use, stays as it is, with its curvature and its velocity, and joins in again later; a
    /// step's report says so once.
    ///
    /// - Parameters:
    ///   - parameters: What is optimised, each tensor once, under a name of its own. Parameters that no operation with
    ///     a known curvature uses get the generic diagonal, and the first step's report says so.
    ///   - configuration: What can be chosen; by default what serves small batches.
    ///   - blockMakers: What makes the blocks of operations of one's own, by their names.
    ///   - generator: Draws the targets that the curvature is estimated with; on the parameters' device.
    public init(
        _ parameters: [NamedParameter], configuration: Configuration = .smallBatches(),
        blockMakers: [String: BlockMaker] = [:], generator: RandomGenerator = RandomGenerator(seed: 0)
    ) {
        configuration.require(by: "KFACOptimizer")
        parameters.requireDistinct(by: "KFACOptimizer")
        self.configuration = configuration
        curvature = ModelCurvature(
            of: parameters, configuration: configuration.ofCurvature, blockMakers: blockMakers, generator: generator)
        if case .background = configuration.inverses { curvature.layers.isInvertedInBackground = true }
        namedFirstOrder = parameters.filter {
            configuration.layers.isFirstOrder($0.name) && !configuration.layers.isExcluded($0.name)
        }
        self.parameters = curvature.layers.parameters.filter(\.tensor.requiresGradient)
        firstOrder = newFirstOrder()
    }

    /// The velocities of the parameters that this step moves; zeros where one has not been moved before.
    var velocities: [Tensor] {
        get { parameters.map { velocityByParameter[$0.tensor.id] ?? Tensor.zeros(like: $0.tensor.detached()) } }
        set {
            for (parameter, velocity) in zip(parameters, newValue) {
                velocityByParameter[parameter.tensor.id] = velocity
            }
        }
    }

    /// A first-order rule that remembers nothing yet; nil where no parameter can come to need it.
    ///
    /// It takes all parameters, as one that no batch has used yet may turn out to have no block.
    func newFirstOrder() -> (parameters: [NamedParameter], rule: any GradientRule)? {
        let others = (configuration.layers.unknown == .firstOrder ? curvature.layers.parameters : []) + namedFirstOrder
        return others.isEmpty ? nil : (others, configuration.firstOrderRule.rule(for: others))
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport {
        try step(parts: 1, canRunShares: false) { _ in try loss() }
    }

    @discardableResult
    public func step(examples count: Int, _ loss: (_ range: Range<Int>) throws -> Loss) throws -> StepReport {
        try step(examples: count, inPartsOf: count, loss)
    }

    /// Does one step on a batch that is run in parts, with the memory of one part.
    ///
    /// Statistics and gradient are those of the whole batch: each part counts with its number of examples.
    ///
    /// - Parameters:
    ///   - count: The number of examples of the batch, positive.
    ///   - partSize: The number of examples to run the model on at once, positive.
    ///   - loss: Runs the model on a range of the batch's examples.
    /// - Throws: What `loss` throws, and ``/Optimization/OptimizerError``; the parameters are then as before, while the
    ///   parts before the one that failed have moved the running averages.
    @discardableResult
    public func step(
        examples count: Int, inPartsOf partSize: Int, _ loss: (_ range: Range<Int>) throws -> Loss
    ) throws -> StepReport {
        guard count > 0, partSize > 0 else {
            fatalError("KFACOptimizer.step: \(count) examples in parts of \(partSize)")
        }
        let partSize = min(partSize, count)
        return try step(parts: (count - 1) / partSize + 1, canRunShares: true) { part in
            switch part {
            case .part(let index):
                try loss(index * partSize..<index * partSize + min(partSize, count - index * partSize))
            case .share(let share):
                try loss(0..<max(1, Int(exactly: (share * Double(count)).rounded(.up)).map { min($0, count) } ?? count))
            }
        }
    }

    /// Does one step on a batch that is given in parts, with the memory of one part.
    ///
    /// Statistics and gradient are those of the whole batch: each part counts with its number of examples. Where the
    /// configuration asks for a share of the batch, all of it is taken.
    ///
    /// - Parameters:
    ///   - count: The number of parts.
    ///   - loss: Runs the model on a part, from 0; called once for each, in order, and again where the configuration
    ///     needs the loss after the step.
    /// - Throws: What `loss` throws, and ``/Optimization/OptimizerError``; the parameters are then as before, while the
    ///   parts before the one that failed have moved the running averages.
    @discardableResult
    public func step(parts count: Int, _ loss: (_ part: Int) throws -> Loss) throws -> StepReport {
        guard count > 0 else { fatalError("KFACOptimizer.step: \(count) parts") }
        return try step(parts: count, canRunShares: false) { part in
            guard case .part(let index) = part else { fatalError("KFACOptimizer.step: no shares of parts") }
            return try loss(index)
        }
    }

    private func step(
        parts: Int, canRunShares: Bool, _ model: (BatchPart) throws -> Loss
    ) throws -> StepReport {
        try gate.run("KFACOptimizer.step") {
            try checkingMemory(ofStep: stepCount, remedies: MemoryRemedy.ofCurvature, restore: replacePoint()) {
                try withoutActuallyEscaping(model) { model in
                    let batch = Batch(step: stepCount, parts: parts, canRunShares: canRunShares) {
                        [gate] part in
                        try gate.runModel { try model(part) }
                    }
                    return try guarded { try takeStep(on: batch) }
                }
            }
        }
    }

    /// What puts back all that a step replaces; averages and parameters, which it writes in place, stay as they are.
    func replacePoint() -> () -> Void {
        let (stepCount, parameters, velocities, hasVelocity) = (stepCount, parameters, velocityByParameter, hasVelocity)
        let (roles, preconditioner, watch) = (roles, preconditioner, watch)
        let (adaptedDamping, searchedDamping) = (adaptedDamping, searchedDamping)
        let moments = momentsByParameter
        let (restoreCurvature, restoreRule) = (curvature.replacePoint(), firstOrder?.rule.replacePoint())
        return { [self] in
            (self.stepCount, self.parameters) = (stepCount, parameters)
            (velocityByParameter, self.hasVelocity) = (velocities, hasVelocity)
            (self.roles, self.preconditioner, self.watch) = (roles, preconditioner, watch)
            (self.adaptedDamping, self.searchedDamping) = (adaptedDamping, searchedDamping)
            momentsByParameter = moments
            restoreCurvature()
            restoreRule?()
        }
    }

    /// The number of steps since the end of the burn-in.
    var updateCount: Int { stepCount - configuration.burnIn }

    /// The group that decides about a parameter.
    func group(of parameter: NamedParameter) -> ParameterGroup? {
        configuration.groups.first { $0.contains(parameter.name) }
    }

    func regularization(of parameter: NamedParameter) -> Regularization {
        group(of: parameter)?.regularization ?? configuration.regularization
    }
}
