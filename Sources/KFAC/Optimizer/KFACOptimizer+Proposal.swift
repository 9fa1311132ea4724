import Optimization
import Torch

extension KFACOptimizer {
    /// The step that the rule chose: θ ← θ − scale · direction.
    struct Proposal {
        let velocities: [Tensor]
        let direction: [Tensor]
        let scale: Double
        let learningRate: Double
        let momentum: Double
        /// In the place of velocities, where the rule keeps moments in the blocks' bases.
        var moments: [ObjectIdentifier: GradientMoments]?
        /// The same of parameters in their own axes.
        var momentsByParameter: [Tensor.ID: GradientMoments]?
        var clipping: Double?
        /// The quadratic model's prediction of it; nil if no model was solved.
        var model: (model: QuadraticModel, coefficients: [Double])?
        /// Σ P⁻¹ direction where the rule knows it: the velocity of gradients.
        var preimage: [Tensor]?
    }

    /// Brings the inverses up to date and lets the rule decide; nothing else has changed after that.
    func propose(_ pass: inout Pass, _ batch: Batch) throws -> Proposal {
        let (gradient, thin) = (pass.gradient, pass.thinGradients)
        pass.report.gradientNorm = (pass.gradientSquare ?? inner(gradient, gradient)).squareRoot()
        guard !parameters.isEmpty else {
            // The batch uses only what the first-order rule moves.
            try updateInverses(&pass.report)
            return Proposal(velocities: [], direction: [], scale: 0, learningRate: 0, momentum: 0)
        }
        switch configuration.rule {
        case .fixed(let rate, let momentum):
            try updateInverses(&pass.report)
            let (rate, momentum) = (rate(stepCount), momentum(stepCount))
            return pass.report.time(.preconditioning) {
                let direction = precondition(gradient, thin: thin)
                let (clipped, factor, clipping) = clip(direction, slope: gradient, rate: rate)
                let velocities = nextVelocities(velocities, momentum: momentum, by: clipped, scale: factor)
                return Proposal(
                    velocities: velocities, direction: velocities, scale: rate, learningRate: rate, momentum: momentum,
                    clipping: clipping)
            }
        case .momentumOfGradients(let rate, let momentum):
            try updateInverses(&pass.report)
            let (rate, momentum) = (rate(stepCount), momentum(stepCount))
            return pass.report.time(.preconditioning) {
                let velocities = nextVelocities(velocities, momentum: momentum, by: gradient, scale: 1)
                let direction = precondition(velocities)
                let (clipped, factor, clipping) = clip(direction, slope: velocities, rate: rate)
                return Proposal(
                    velocities: velocities, direction: clipped, scale: rate * factor, learningRate: rate,
                    momentum: momentum,
                    clipping: clipping, preimage: velocities)
            }
        case .quadraticModel(let rule):
            return try minimizingProposal(rule, &pass, batch)
        case .eigenbasisMoments(let rule): return try momentsProposal(rule, &pass)
        case .grafted(let rule): return try graftedProposal(rule, &pass)
        }
    }

    /// μ v + scale · update.
    private func nextVelocities(
        _ velocities: [Tensor], momentum: Double, by updates: [Tensor], scale: Double
    ) -> [Tensor] {
        zip(velocities, updates).map { velocity, update in
            let next = velocity * momentum
            next.add(inPlace: update, scale: scale)
            return next
        }
    }

    /// The inverse curvature times a gradient, each parameter's part scaled as its group says.
    ///
    /// - Parameter thin: Blocks' parts of the gradient in thin form.
    func precondition(
        _ gradient: [Tensor], thin: [ObjectIdentifier: ThinGradient] = [:], with preconditioner: Preconditioner? = nil
    ) -> [Tensor] {
        let updates = (preconditioner ?? self.preconditioner).apply(
            curvature.blocks, positions: blockPositions, to: gradient, thin: thin)
        return scaledByGroup(updates)
    }

    /// Each parameter's part of a direction, scaled as its group says.
    func scaledByGroup(_ updates: [Tensor]) -> [Tensor] {
        guard !configuration.groups.isEmpty else { return updates }
        return zip(updates, parameters).map { update, parameter in
            let scale = group(of: parameter)?.learningRateScale ?? 1
            return scale == 1 ? update : update * scale
        }
    }

    /// For each block, where its parameters are among those that this step moves; nil where it moves none of them.
    var blockPositions: [[Int]?] {
        parameterPositions.map { $0.contains(nil) ? nil : $0.compactMap(\.self) }
    }

    /// The direction, what it is to be multiplied by, and what is reported of the clipping.
    private func clip(
        _ direction: [Tensor], slope: [Tensor], rate: Double
    ) -> (direction: [Tensor], factor: Double, report: Double?) {
        switch configuration.clipping {
        case .none: return (direction, 1, nil)
        case .norm(let bound):
            let length = rate * rate * inner(slope, direction)
            let factor = length > bound ? (bound / length).squareRoot() : 1
            return (direction, factor, factor)
        case .klClip(let bound):
            let products = zip(slope, direction).map { $0.innerProduct($1).abs() }
            let length = rate * rate * products.dropFirst().reduce(products[0], +).scalar
            let factor = length > bound ? (bound / length).squareRoot() : 1
            return (direction, factor, factor)
        case .value(let bound):
            let clipped = direction.map { $0.clamped(atLeast: -bound).clamped(atMost: bound) }
            let same = zip(direction, clipped).map { ($0 .== $1).to(.float64).sum() }
            let count = direction.reduce(0) { $0 + $1.count }
            return (clipped, 1, same.dropFirst().reduce(same[0], +).scalar / Double(max(1, count)))
        }
    }

    /// The step to the minimum of the quadratic model; v ← μ v − α P g, of which −1 times is the step.
    private func minimizingProposal(
        _ rule: QuadraticModelRule, _ pass: inout Pass, _ batch: Batch
    ) throws -> Proposal {
        let products = try pass.report.time(.quadraticModel) {
            try curvatureForms(rule.fraction, rule.matrix ?? configuration.matrix, pass.products, batch)
        }
        pass.products = nil
        let lastStep = hasVelocity ? velocities.map { -$0 } : nil
        let gradient = pass.gradient
        func solve(_ direction: [Tensor], _ report: inout StepReport) throws -> (QuadraticModel, [Double]) {
            let directions = [direction] + (lastStep.map { [$0] } ?? [])
            let model = try report.time(.quadraticModel) {
                QuadraticModel(
                    curvature: try products(directions), directions: directions, gradient: gradient,
                    regularization: parameters.map { regularization(of: $0).l2 }, damping: damping)
            }
            var coefficients: [Double]
            switch rule.momentum {
            case .optimal: coefficients = model.minimizer()
            case .fixed(let momentum):
                let others = lastStep == nil ? [] : [momentum(stepCount)]
                coefficients = [model.minimizer(fixing: others)] + others
            }
            // Nor can anything be multiplied by what single precision does not have.
            guard coefficients.allSatisfy({ $0.magnitude < 1e30 }) else {
                throw OptimizerError.quadraticModelFailed(step: stepCount)
            }
            return (model, coefficients)
        }

        var direction: [Tensor] = []
        var solution: (model: QuadraticModel, coefficients: [Double])
        if case .adaptive(let search) = configuration.preconditionerDamping, updateCount > 0,
            updateCount % search.interval == 0
        {
            (direction, solution) = try searchDamping(search, &pass, solve)
        } else {
            try updateInverses(&pass.report)
            let thin = pass.thinGradients
            direction = pass.report.time(.preconditioning) { precondition(gradient, thin: thin) }
            solution = try solve(direction, &pass.report)
        }
        let (rate, momentum) = (solution.coefficients[0], solution.coefficients.dropFirst().first ?? 0)
        // A given momentum is reported even where there is no last step.
        let reported = if case .fixed(let given) = rule.momentum { given(stepCount) } else { momentum }
        let velocities = nextVelocities(velocities, momentum: momentum, by: direction, scale: -rate)
        let scale = rule.rescaling(stepCount)
        return Proposal(
            velocities: velocities, direction: velocities, scale: scale, learningRate: -rate * scale,
            momentum: reported, model: (solution.model, solution.coefficients.map { $0 * scale }))
    }

    /// The products of the exact curvature of the mean loss with pairs of directions.
    ///
    /// The graphs live as long as the function; the model is run here, so that its time is told apart.
    func curvatureForms(
        _ fraction: Double, _ matrix: CurvatureMatrix, _ kept: CurvatureProducts?, _ batch: Batch
    ) throws -> ([[Tensor]]) throws -> Tensor {
        func products(_ part: BatchPart) throws -> CurvatureProducts {
            let (loss, uses) = try recordingLayerUses { try batch.loss(of: part) }
            return curvatureProducts(of: loss, uses: uses)
        }
        let all: [CurvatureProducts] = try withGradients {
            if !batch.isWhole(fraction) { return [try products(.share(fraction))] }
            if let kept { return [kept] }
            return try (0..<batch.parts).map { try products(.part($0)) }
        }
        let normalizer = all.reduce(0) { $0 + $1.loss.normalizer }
        return { directions in
            let forms = all.map { $0.quadraticForm(of: matrix, with: directions) }
            return forms.dropFirst().reduce(forms[0], +) / (normalizer > 0 ? normalizer : 1)
        }
    }

    /// Products with the curvature of the sum of a batch's losses, of the parameters that the step moves.
    func curvatureProducts(of loss: Loss, uses: [LayerUse]) -> CurvatureProducts {
        CurvatureProducts(
            loss, parameters: parameters.map(\.tensor).filter(\.requiresGradient), layerUses: uses, reduction: .sum)
    }

    /// Whether the graph of the batch's loss is used after the gradient.
    func keepsGraph(_ batch: Batch) -> Bool {
        guard batch.parts == 1, stepCount >= configuration.burnIn else { return false }
        if case .quadraticModel(let rule) = configuration.rule { return batch.isWhole(rule.fraction) }
        if case .adaptive(let rule) = configuration.damping, case .exact(let fraction) = rule.prediction {
            return rule.isDue(afterStep: updateCount) && batch.isWhole(fraction)
        }
        return false
    }
}
