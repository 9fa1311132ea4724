public import Torch

/// K-FAC: the natural gradient with a Kronecker-factored approximation of the Fisher matrix.
///
/// Each step runs the model once, estimates the curvature of each layer from targets drawn from the model's own
/// predictions, and moves the parameters by the damped inverse of that curvature times the gradient (Martens & Grosse
/// 2015; convolutions: Grosse & Martens 2016). Layers are found by what they do: nothing is registered.
///
/// With inverses every T steps, a step costs about that of SGD, one more backward pass to the pre-activations, and the
/// second moments of the layers' inputs and output gradients.
public final class KFACOptimizer: Optimizer {
    /// What can be chosen.
    public struct Configuration: Sendable, Hashable, Codable {
        /// The learning rate α.
        public var learningRate: Schedule
        /// The momentum μ of the preconditioned gradient: v ← μ v + F⁻¹ g, θ ← θ − α v.
        public var momentum: Double
        /// The Tikhonov damping λ, added to the curvature of the *mean* loss.
        public var damping: Schedule
        /// How the curvature is estimated.
        public var estimation: Estimation
        /// Which matrix is estimated; both are the same for losses of natural parameters.
        public var matrix: CurvatureMatrix
        /// The decay ρ of the running averages of the factors, for each update of the statistics.
        public var statisticsDecay: Double
        /// The number of steps between updates of the statistics.
        public var statisticsPeriod: Int
        /// The number of steps between updates of the inverses.
        public var inversePeriod: Int
        /// The bound κ on α² gᵀ F⁻¹ g, the squared length of the step in the metric of the Fisher matrix: a longer one
        /// is shortened (Ba, Grosse & Martens 2017, section 5); nil for none.
        ///
        /// In units of the loss, like the damping.
        public var normConstraint: Double?
        /// How the factors average.
        public var factors: FactorSettings
        /// Which approximation each layer gets, which parameters are linked, and which are left alone.
        public var layers: LayerChoices

        /// Creates a configuration.
        public init(
            learningRate: Schedule = 0.1, momentum: Double = 0.9, damping: Schedule = 0.1,
            estimation: Estimation = .sampled(), matrix: CurvatureMatrix = .fisher, statisticsDecay: Double = 0.95,
            statisticsPeriod: Int = 1, inversePeriod: Int = 10, normConstraint: Double? = 0.003,
            factors: FactorSettings = FactorSettings(),
            layers: LayerChoices = LayerChoices()
        ) {
            self.learningRate = learningRate
            self.momentum = momentum
            self.damping = damping
            self.estimation = estimation
            self.matrix = matrix
            self.statisticsDecay = statisticsDecay
            self.statisticsPeriod = statisticsPeriod
            self.inversePeriod = inversePeriod
            self.normConstraint = normConstraint
            self.factors = factors
            self.layers = layers
        }
    }

    /// What was chosen; may be changed between steps, but for ``Configuration/factors`` and ``Configuration/layers``.
    public var configuration: Configuration
    public private(set) var stepCount = 0

    private let parameters: [NamedParameter]
    private var layers: LayerCollection
    private var generator: RandomGenerator
    private let velocities: [Tensor]
    /// The stored, possibly stale inverse of each block, by its first parameter.
    private var inverses: [Tensor.ID: any SymmetricOperator] = [:]

    /// Creates an optimiser of those of the given parameters that require a gradient and are not excluded.
    ///
    /// - Parameters:
    ///   - parameters: What is optimised, each tensor once. Parameters that no operation with a known curvature uses get
    ///     the generic diagonal, and the first step's report says so.
    ///   - configuration: What can be chosen.
    ///   - generator: Draws the targets that the curvature is estimated with; on the parameters' device.
    public init(
        _ parameters: [NamedParameter], configuration: Configuration = Configuration(),
        generator: RandomGenerator = RandomGenerator(seed: 0)
    ) {
        guard configuration.statisticsPeriod > 0, configuration.inversePeriod > 0 else {
            fatalError("KFACOptimizer: the periods must be positive: \(configuration)")
        }
        self.configuration = configuration
        self.generator = generator
        layers = LayerCollection(
            parameters: parameters.filter(\.tensor.requiresGradient), choices: configuration.layers,
            settings: configuration.factors)
        self.parameters = layers.parameters
        velocities = self.parameters.map { Tensor.zeros(like: $0.tensor.detached()) }
    }

    @discardableResult
    public func step(_ loss: () throws -> Loss) throws -> StepReport { try step(parts: 1) { _ in try loss() } }

    /// Does one step on a batch that is given in parts, with the memory of one part.
    ///
    /// Statistics and gradient are those of the whole batch: each part counts with its number of examples.
    ///
    /// - Parameters:
    ///   - count: The number of parts.
    ///   - loss: Runs the model on a part, from 0; called once for each, in order.
    /// - Throws: What `loss` throws, and ``OptimizerError``; the parameters are then as before, while the parts before the
    ///   one that failed have moved the running averages.
    @discardableResult
    public func step(parts count: Int, _ loss: (_ part: Int) throws -> Loss) throws -> StepReport {
        guard count > 0 else { fatalError("KFACOptimizer.step: \(count) parts") }
        var (report, gradients, examples) = try take(part: 0) { try loss(0) }
        if count > 1 {
            var lossSum = report.lossTensor * Double(examples)
            gradients = gradients.map { $0 * Double(examples) }
            for part in 1..<count {
                let (other, partGradients, partExamples) = try take(part: part) { try loss(part) }
                for (sum, gradient) in zip(gradients, partGradients) {
                    sum.add(inPlace: gradient, scale: Double(partExamples))
                }
                lossSum += other.lossTensor * Double(partExamples)
                examples += partExamples
                report.phases += other.phases
            }
            for sum in gradients { sum.multiply(inPlace: 1 / Double(examples)) }
            report.lossTensor = lossSum / Double(examples)
        }
        let (rate, damping) = (report.learningRate, report.damping!)
        if refreshesInverses {
            try report.time(.inverses) { try updateInverses(damping: damping) }
            report.refreshedInverses = layers.blocks.count
        }
        let (updates, clipping) = report.time(.preconditioning) {
            withoutGradients { precondition(gradients, rate: rate) }
        }
        report.clipping = clipping
        report.time(.update) {
            withoutGradients { apply(updates, scale: clipping ?? 1, rate: rate) }
        }
        stepCount += 1
        return report
    }

    /// The gradient of one part of the batch, whose statistics go into the running averages.
    private func take(
        part: Int, _ makeLoss: () throws -> Loss
    ) throws -> (report: StepReport, gradients: [Tensor], examples: Int) {
        let pass = try forward(makeLoss)
        var report = pass.report
        let loss = pass.loss

        // Kept once nothing can fail any more: a part that fails leaves no trace.
        var layers = self.layers
        var statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)] = []
        if stepCount % configuration.statisticsPeriod == 0 {
            statistics = try report.time(.curvatureBackward) {
                // The averages decay once a step, so that all parts of it weigh alike.
                try layers.statistics(
                    of: loss, uses: pass.uses, estimation: configuration.estimation, matrix: configuration.matrix,
                    decay: part == 0 ? configuration.statisticsDecay : 1, using: &generator)
            }
        }
        let gradients = try report.time(.backward) {
            try requireReached(
                gradientsIfReached(of: [pass.mean], withRespectTo: parameters.map(\.tensor)), parameters)
        }
        if stepCount == 0 { report.messages = layers.messages }
        self.layers = layers
        report.time(.statistics) {
            for (block, batch) in statistics { block.updateStatistics(batch) }
        }
        return (report, gradients, loss.batchSize)
    }

    /// Whether this step computes new inverses: each of the first ones does, as the averages still move much (Martens &
    /// Grosse 2015, section 8).
    private var refreshesInverses: Bool {
        stepCount % configuration.inversePeriod == 0 || stepCount < KFACOptimizer.initialRefreshes
    }

    private static let initialRefreshes = 3

    private func forward(
        _ makeLoss: () throws -> Loss
    ) throws -> (report: StepReport, loss: Loss, mean: Tensor, uses: [LayerUse]) {
        let clock = ContinuousClock()
        let start = clock.now
        let (loss, uses) = try recordingLayerUses(makeLoss)
        let mean = loss.mean
        guard mean.scalar.isFinite else { throw OptimizerError.lossNotFinite(step: stepCount) }
        var report = StepReport(
            step: stepCount, lossTensor: mean.detached(), learningRate: configuration.learningRate(stepCount),
            momentum: configuration.momentum)
        report.damping = configuration.damping(stepCount)
        report.phases.append((.forward, start.duration(to: clock.now).seconds))
        return (report, loss, mean, uses)
    }

    private func updateInverses(damping: Double) throws {
        for block in layers.blocks {
            do throws(LinearAlgebraError) {
                inverses[block.parameters[0].tensor.id] = try block.inverseCurvature(damping: damping)
            } catch {
                throw OptimizerError.inversionFailed(layer: block.name, step: stepCount, error)
            }
        }
    }

    /// The inverse curvature times the gradient, and what the norm constraint multiplies it by.
    private func precondition(_ gradients: [Tensor], rate: Double) -> (updates: [Tensor], clipping: Double?) {
        let positions = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().map { ($0.element.tensor.id, $0.offset) })
        var updates = gradients
        for block in layers.blocks {
            let indices = block.parameters.map { positions[$0.tensor.id]! }
            guard let inverse = inverses[block.parameters[0].tensor.id] else { continue }
            let results = block.apply(inverse, to: indices.map { gradients[$0] })
            for (index, result) in zip(indices, results) { updates[index] = result }
        }
        guard let bound = configuration.normConstraint else { return (updates, nil) }
        let product = zip(gradients, updates).reduce(0) { $0 + $1.0.dot($1.1).scalar }
        let length = rate * rate * product
        return (updates, length > bound ? (bound / length).squareRoot() : 1)
    }

    /// v ← μ v + scale · update, θ ← θ − α v.
    private func apply(_ updates: [Tensor], scale: Double, rate: Double) {
        for (index, parameter) in parameters.enumerated() {
            velocities[index].multiply(inPlace: configuration.momentum)
            velocities[index].add(inPlace: updates[index], scale: scale)
            parameter.tensor.add(inPlace: velocities[index], scale: -rate)
        }
    }
}
