public import Torch

extension Loss {
    /// One part of a loss: −log p of a distribution's targets, at the positions that are not padding, times a weight.
    public struct Term: Sendable {
        /// What the network predicts for the batch.
        public let distribution: any PredictiveDistribution
        /// What was observed, in the form that the distribution takes, [batch, ...]; zeros where it is masked.
        public let targets: Tensor
        /// False at positions that are padding, of type bool, [batch, ...]; nil for none.
        public let mask: Tensor?
        /// What the loss and its curvature are multiplied by.
        public let weight: Double
        /// −log p of each example, [batch], without the weight.
        public let perExample: Tensor

        init(_ distribution: any PredictiveDistribution, targets: Tensor, mask: Tensor?) {
            if let mask {
                let shapes = distribution.parameters.map(\.shape) + [targets.shape]
                guard mask.dtype == .bool, mask.rank > 0, shapes.allSatisfy({ $0.starts(with: mask.shape) }) else {
                    fatalError(
                        "Loss: the mask \(mask.dtype)\(mask.shape) must be of type bool and have the first axes of "
                            + "the parameters and targets, of shapes \(shapes)")
                }
            }
            self.distribution = distribution
            // Padding is often a number that is no valid target.
            self.targets = targets.masked(by: mask)
            self.mask = mask
            weight = 1
            perExample = Term.negativeLogLikelihood(distribution, of: self.targets, mask: mask)
        }

        private init(_ term: Term, weight: Double) {
            distribution = term.distribution
            targets = term.targets
            mask = term.mask
            perExample = term.perExample
            self.weight = weight
        }

        func weighted(by factor: Double) -> Term { Term(self, weight: weight * factor) }
    }
}

extension Loss.Term {
    /// −log p of other targets, without the weight: [batch].
    func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        Self.negativeLogLikelihood(distribution, of: targets, mask: mask)
    }

    private static func negativeLogLikelihood(
        _ distribution: any PredictiveDistribution, of targets: Tensor, mask: Tensor?
    ) -> Tensor {
        guard let mask else { return distribution.negativeLogLikelihood(of: targets) }
        let positions = distribution.negativeLogLikelihoodPerPosition(of: targets)
        guard positions.shape.starts(with: mask.shape) else {
            fatalError(
                "Loss: a mask of shape \(mask.shape) for \(type(of: distribution)), whose −log p per position has the "
                    + "shape \(positions.shape)")
        }
        return positions.masked(by: mask).sumPerExample()
    }
}

// The curvature of the term with respect to the distribution's parameters, per example; weight and mask included.
extension Loss.Term {
    /// Whether an example's curvature has a factor: not where it can be indefinite.
    func hasFactor(of matrix: CurvatureMatrix) -> Bool { matrix == .fisher || distribution.hessianRank != nil }

    /// The number of columns of the factor of an example's curvature.
    func factorRank(of matrix: CurvatureMatrix) -> Int {
        switch matrix {
        case .fisher: return distribution.fisherRank
        case .ggn:
            guard let rank = distribution.hessianRank else {
                fatalError(
                    "Loss: the Gauss–Newton matrix of \(type(of: distribution)) has no factor, as −log p is not convex "
                        + "in its parameters: use the Fisher matrix")
            }
            return rank
        }
    }

    /// The curvature times v: vectors in the shapes of the parameters in and out.
    func product(of matrix: CurvatureMatrix, with vectors: [Tensor]) -> [Tensor] {
        let products =
            switch matrix {
            case .fisher: distribution.fisherProduct(vectors)
            case .ggn: distribution.hessianProduct(vectors, targets: targets)
            }
        return products.map { ($0 * weight).masked(by: mask) }
    }

    /// The factor times u, [batch, rank]: vectors in the shapes of the parameters.
    func factorProduct(of matrix: CurvatureMatrix, with vector: Tensor) -> [Tensor] {
        let products =
            switch matrix {
            case .fisher: distribution.fisherFactorProduct(vector)
            case .ggn: distribution.hessianFactorProduct(vector, targets: targets)
            }
        return products.map { ($0 * weight.squareRoot()).masked(by: mask) }
    }

    /// The transposed factor times v: [batch, rank].
    func factorTransposedProduct(of matrix: CurvatureMatrix, with vectors: [Tensor]) -> Tensor {
        let vectors = vectors.map { $0.masked(by: mask) * weight.squareRoot() }
        return switch matrix {
        case .fisher: distribution.fisherFactorTransposedProduct(vectors)
        case .ggn: distribution.hessianFactorTransposedProduct(vectors, targets: targets)
        }
    }
}

extension Tensor {
    /// The tensor with zeros wherever a mask of its first axes is false; itself without a mask.
    fileprivate func masked(by mask: Tensor?) -> Tensor {
        guard let mask else { return self }
        let shape = mask.shape + [Int](repeating: 1, count: rank - mask.rank)
        return Tensor.select(mask.reshaped(shape), self, Tensor.zeros([], like: self))
    }
}
