public import Torch

/// One class out of several, from logits: softmax and cross-entropy.
///
/// For each example F = diag(p) − p pᵀ, with the factor B = diag(q) − p qᵀ, q = √p elementwise; no division, so that
/// p = 0 is harmless. Logits are natural parameters: F is also the Gauss–Newton matrix.
///
/// Axes between the batch and the classes are positions (of a sequence, of an image): each has a class of its own.
public struct Categorical: PredictiveDistribution {
    /// The unnormalised log-probabilities, [batch, ..., classes].
    public let logits: Tensor

    /// Creates the distribution from logits, [batch, ..., classes].
    public init(logits: Tensor) {
        guard logits.rank >= 2, logits.shape.last! > 0 else {
            fatalError("Categorical: logits of shape \(logits.shape); at least two axes and one class are needed")
        }
        self.logits = logits.inFullPrecision
    }

    /// The logits.
    public var parameters: [Tensor] { [logits] }

    /// True: F is the Hessian of −log p for any targets.
    public var hasNaturalParameters: Bool { true }

    /// −log p of each example, [batch].
    ///
    /// - Parameter targets: Class indices, [batch, ...] of an integer type, or in the shape of the logits either
    ///   one-hot rows of any type or probabilities of the classes, which must sum to 1.
    public func negativeLogLikelihood(of targets: Tensor) -> Tensor {
        negativeLogLikelihoodPerPosition(of: targets).sumPerExample()
    }

    /// −log p of each position, [batch, ...]: the logits' shape without the classes.
    public func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
        let logProbabilities = logits.logSoftmax()
        if targets.shape == logits.shape {
            return -(logProbabilities * targets.to(logits.dtype)).sum(-1)
        }
        if let fault = shapeFault(of: targets) { fatalError("\(fault)") }
        return -logProbabilities.elements(at: targets.to(.int64).expanded(at: -1), along: -1).squeezed(at: -1)
    }

    /// Targets of another shape or type, labels that are no class, and rows that are not probabilities.
    ///
    /// A row of zeros is one that is masked.
    public func fault(in targets: Tensor) -> DataFault? {
        if let fault = shapeFault(of: targets) { return fault }
        if targets.shape == logits.shape {
            if let fault = DataFault.outside(
                0...1, in: targets, place: "Categorical", "the target", "is not a probability from 0 to 1")
            {
                return fault
            }
            let sums = targets.detached().to(.float64).sum(-1)
            return .outside(
                0.99...1.01, in: Tensor.select(sums .== 0, Tensor.ones(like: sums), sums), place: "Categorical",
                "the sum of the targets,", "is not 1")
        }
        let classes = logits.shape.last!
        return .outside(
            0...Double(classes - 1), in: targets, place: "Categorical", "the label",
            "is not one of the \(classes) classes"
        )
    }

    private func shapeFault(of targets: Tensor) -> DataFault? {
        let isOfClasses = !targets.dtype.isFloatingPoint && targets.shape == Array(logits.shape.dropLast())
        guard !isOfClasses, targets.shape != logits.shape else { return nil }
        return DataFault(
            place: "Categorical",
            reason: "targets \(targets.dtype)\(targets.shape) for logits of shape \(logits.shape)")
    }

    /// Draws class indices, int64 [batch, ...].
    public func sample(using generator: inout RandomGenerator) -> Tensor {
        let classes = logits.shape.last!
        let rows = probabilities.reshaped([-1, classes])
        return generator.categorical(rows).reshaped(Array(logits.shape.dropLast()))
    }

    /// The number of logits of an example.
    public var fisherRank: Int { logits.shape.dropFirst().reduce(1, *) }

    /// F v = p ∘ v − p ⟨p, v⟩ at each position.
    public func fisherProduct(_ vectors: [Tensor]) -> [Tensor] {
        let p = probabilities
        return [p * centred(vectors[0], p)]
    }

    /// B u = √p ∘ u − p ⟨√p, u⟩, for u [batch, fisherRank].
    public func fisherFactorProduct(_ vector: Tensor) -> [Tensor] {
        let p = probabilities
        let qu = p.squareRoot() * vector.reshaped(p.shape)
        // Of the likeliest class, 1 − p is the sum of the others' p: as a difference it would have no digits left.
        let isLikeliest = Tensor.range(0..<p.shape.last!, device: p.device) .== p.argmax().expanded(at: -1)
        func others(_ x: Tensor) -> Tensor {
            Tensor.select(isLikeliest, Tensor.zeros([], like: x), x).sum(-1, keepingAxes: true)
        }
        return [
            Tensor.select(isLikeliest, qu * others(p) - p * others(qu), qu - p * qu.sum(-1, keepingAxes: true))
        ]
    }

    /// Bᵀ v = √p ∘ v − √p ⟨p, v⟩, [batch, fisherRank].
    public func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
        let p = probabilities
        return (p.squareRoot() * centred(vectors[0], p)).flattened(from: 1)
    }

    /// v − ⟨p, v⟩ at each position.
    ///
    /// Counted from the likeliest class's entry: of a confident prediction, v would have all of its digits in common
    /// with the mean.
    private func centred(_ vector: Tensor, _ p: Tensor) -> Tensor {
        let relative = vector - vector.elements(at: p.argmax().expanded(at: -1), along: -1)
        return relative - (p * relative).sum(-1, keepingAxes: true)
    }

    /// The probabilities of the classes, constant for differentiation.
    public var probabilities: Tensor { logits.detached().softmax() }
}
