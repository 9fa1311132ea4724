public import Torch

extension Loss {
    /// One part of a loss: −log p of a distribution's targets, or another objective beside the distribution, at the
    /// positions that are not padding, times a weight.
    public struct Term: Sendable {
        /// The network's prediction for the batch, which gives the curvature.
        public let distribution: any PredictiveDistribution
        /// The observations, in the form that the distribution takes, [batch, ...].
        ///
        /// Zeros where it is masked; nil for an objective without targets.
        public let targets: Tensor?
        /// False at positions that are padding or have weight 0, of type bool, [batch, ...]; nil for none.
        public let mask: Tensor?
        /// The weight of each position besides ``weight``, [batch, ...], in the type of the distribution's
        /// parameters; nil for 1.
        public let weights: Tensor?
        /// The factor of the loss and its curvature.
        public let weight: Double
        /// The objective of each example, [batch]; the weights of positions included, without ``weight``.
        public let perExample: Tensor
        /// The same for each position, [batch, ...], without any weights and with zeros where it is masked; nil if
        /// only whole examples are known.
        let positions: Tensor?

        /// Data that cannot be used are reported, and the term is then NaN for each example.
        ///
        /// - Parameter needsPositions: Whether ``positions`` are wanted if there is neither a mask nor weights.
        init(
            _ distribution: any PredictiveDistribution, targets: Tensor, mask: Tensor?, weights: Tensor?,
            needsPositions: Bool
        ) {
            distribution.requireFullPrecision()
            do throws(DataFault) {
                let selection = try Loss.Selection(mask: mask, weights: weights, of: distribution, targets)
                let targets = try selection.checked(targets, of: distribution)
                let isPlain = selection.mask == nil && !needsPositions
                let perExample = isPlain ? distribution.negativeLogLikelihood(of: targets) : nil
                if let shape = perExample?.shape, shape != [distribution.batchSize] {
                    fatalError(
                        "Loss: \(type(of: distribution)).negativeLogLikelihood(of:) gives \(shape) for a batch of "
                            + "\(distribution.batchSize) examples: it must be one number for each, summed over outputs")
                }
                self = try Term(
                    distribution, targets: targets, selection: selection, perExample: perExample,
                    positions: isPlain ? nil : distribution.negativeLogLikelihoodPerPosition(of: targets))
            } catch {
                error.report()
                self.init(unusableDataFor: distribution)
            }
        }

        /// Data that cannot be used are reported, and the term is then NaN for each example.
        init(
            objective: Tensor, _ distribution: any PredictiveDistribution, targets: Tensor?, mask: Tensor?,
            weights: Tensor?
        ) {
            distribution.requireFullPrecision()
            let objective = objective.inFullPrecision
            guard objective.shape.first == distribution.batchSize else {
                fatalError(
                    "Loss: an objective of shape \(objective.shape) for a batch of \(distribution.batchSize) examples")
            }
            do throws(DataFault) {
                let selection = try Loss.Selection(mask: mask, weights: weights, of: distribution, targets)
                let targets = try targets.map { (data) throws(DataFault) in
                    try selection.checked(data, of: distribution)
                }
                self = try Term(
                    distribution, targets: targets, selection: selection, perExample: nil, positions: objective)
            } catch {
                error.report()
                self.init(unusableDataFor: distribution)
            }
        }

        /// - Parameter perExample: The sums of the positions, where they are known.
        private init(
            _ distribution: any PredictiveDistribution, targets: Tensor?, selection: Loss.Selection,
            perExample: Tensor?, positions: Tensor?
        ) throws(DataFault) {
            self.distribution = distribution
            self.targets = targets
            mask = selection.mask
            weights = selection.weights
            weight = 1
            self.positions = try positions.map { (values) throws(DataFault) in
                try selection.masked(values, of: distribution)
            }
            self.perExample = perExample ?? self.positions!.weighted(by: selection.weights).sumPerExample()
        }

        /// The term of data that cannot be used: NaN for each example.
        init(unusableDataFor distribution: any PredictiveDistribution) {
            self.distribution = distribution
            (targets, mask, weights, weight, positions) = (nil, nil, nil, 1, nil)
            let parameter = distribution.parameters[0]
            perExample = Tensor.full(
                [distribution.batchSize], .nan, dtype: parameter.dtype, device: parameter.device)
        }

        private init(_ term: Term, weight: Double) {
            distribution = term.distribution
            targets = term.targets
            mask = term.mask
            weights = term.weights
            perExample = term.perExample
            positions = term.positions
            self.weight = weight
        }

        func weighted(by factor: Double) -> Term { Term(self, weight: weight * factor) }
    }
}

extension Loss.Term {
    /// −log p of targets drawn from the distribution, whose gradients' second moments are the curvature, without
    /// ``weight``: [batch].
    func negativeLogLikelihood(ofDrawn targets: Tensor) -> Tensor {
        guard let mask else { return distribution.negativeLogLikelihood(of: targets) }
        let positions = distribution.negativeLogLikelihoodPerPosition(of: targets).masked(by: mask)
        return positions.weighted(by: weights?.squareRoot()).sumPerExample()
    }

    /// The objective of each example, with the roots of the positions' weights, so that its gradients' second
    /// moments have the weights once; without ``weight``: [batch].
    var rootWeighted: Tensor {
        guard let weights, let positions else { return perExample }
        return positions.weighted(by: weights.squareRoot()).sumPerExample()
    }
}

// The curvature of the term with respect to the distribution's parameters, per example; weights and mask included.
extension Loss.Term {
    /// Whether an example's curvature has a factor: not where it can be indefinite.
    func hasFactor(of matrix: CurvatureMatrix) -> Bool { matrix == .fisher || distribution.hessianRank != nil }

    /// The number of columns of the factor of an example's curvature.
    func factorRank(of matrix: CurvatureMatrix) -> Int {
        switch effective(matrix) {
        case .fisher: return distribution.fisherRank
        case .ggn:
            guard let rank = distribution.hessianRank else {
                fatalError(
                    "Loss: the Gauss–Newton matrix of \(type(of: distribution)) has no factor: −log p is not convex in "
                        + "its parameters, or hessianRank is not given; implement it, or use the Fisher matrix")
            }
            return rank
        }
    }

    /// The curvature times v: vectors in the shapes of the parameters in and out.
    func product(of matrix: CurvatureMatrix, with vectors: [Tensor]) -> [Tensor] {
        let products =
            switch effective(matrix) {
            case .fisher: distribution.fisherProduct(vectors)
            case .ggn: distribution.hessianProduct(vectors, targets: requiredTargets)
            }
        return products.map { ($0 * weight).weighted(by: weights).masked(by: mask) }
    }

    /// The factor times u, [batch, rank]: vectors in the shapes of the parameters.
    func factorProduct(of matrix: CurvatureMatrix, with vector: Tensor) -> [Tensor] {
        let products =
            switch effective(matrix) {
            case .fisher: distribution.fisherFactorProduct(vector)
            case .ggn: distribution.hessianFactorProduct(vector, targets: requiredTargets)
            }
        return products.map { rootWeighted($0) }
    }

    /// The transposed factor times v: [batch, rank].
    func factorTransposedProduct(of matrix: CurvatureMatrix, with vectors: [Tensor]) -> Tensor {
        let vectors = vectors.map { rootWeighted($0) }
        return switch effective(matrix) {
        case .fisher: distribution.fisherFactorTransposedProduct(vectors)
        case .ggn: distribution.hessianFactorTransposedProduct(vectors, targets: requiredTargets)
        }
    }

    private func rootWeighted(_ vector: Tensor) -> Tensor {
        (vector * weight.squareRoot()).weighted(by: weights?.squareRoot()).masked(by: mask)
    }

    /// Without targets, the Gauss–Newton matrix is known where it is the Fisher matrix.
    private func effective(_ matrix: CurvatureMatrix) -> CurvatureMatrix {
        targets == nil && distribution.hasNaturalParameters ? .fisher : matrix
    }

    private var requiredTargets: Tensor {
        guard let targets else {
            fatalError(
                "Loss: the Gauss–Newton matrix of \(type(of: distribution)), whose parameters are not natural, depends on "
                    + "the targets: give Loss(objective:curvature:targets:) targets, or use the Fisher matrix")
        }
        return targets
    }
}
