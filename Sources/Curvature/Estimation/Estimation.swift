public import Torch

/// The quantity that is propagated back to estimate the curvature of the loss with respect to the pre-activations.
public enum Estimation: Sendable, Hashable, Codable {
    /// −log p of targets drawn from the model: an unbiased estimate of the Fisher matrix for each draw, and one
    /// backward pass (Martens & Grosse 2015, section 5).
    case sampled(draws: Int = 1)
    /// −log p of the data's targets: the empirical Fisher matrix, which is no curvature but costs nothing more.
    case empirical
    /// Every column of the loss's factor B, with F = B Bᵀ: the exact Fisher matrix (of the model's outputs), at as
    /// many backward passes as an example has outputs.
    case exact
    /// B times random signs: unbiased like a draw, with less variance for few examples (Martens et al. 2012).
    case curvaturePropagation(draws: Int = 1)
}

extension Estimation {
    /// The gradients with respect to intermediate tensors of each quantity that is propagated back.
    ///
    /// Gradients are of sums over the batch, so that each example's are unscaled; the sum over sources of their outer
    /// products estimates (or is) the curvature of the sum of the losses. Only what lies between the loss and the
    /// intermediates is computed, and the graph is kept.
    ///
    /// With several terms of weights c, one pass carries √c times each term: their draws are independent with mean
    /// zero, so that products of different terms vanish in expectation, and each term's curvature is scaled by c once.
    /// Only `exact` goes through the terms one by one. In `empirical`, products of different terms stay, as in the
    /// original: it takes all targets of an example for one observation.
    ///
    /// - Parameters:
    ///   - loss: The loss of a batch, with its graph.
    ///   - matrix: Which matrix is estimated. Targets drawn from the model know the Fisher matrix only: `sampled` with
    ///     `ggn` needs natural parameters, where they are the same. `empirical` is neither of them, for any `matrix`.
    ///   - intermediates: Pre-activations.
    ///   - generator: Draws targets and signs; on the device of the distribution's parameters.
    /// - Returns: For each source, the gradients; nil for a tensor that the loss does not depend on.
    public func gradients(
        of loss: Loss, matrix: CurvatureMatrix = .fisher, withRespectTo intermediates: [Tensor],
        using generator: inout RandomGenerator
    ) -> [[Tensor?]] {
        gradients(
            of: loss, matrix: matrix, withRespectTo: intermediates, differentiable: false,
            using: &generator)
    }

    /// - Parameters:
    ///   - differentiable: Whether gradients of drawn or observed targets can themselves be differentiated.
    ///   - drawsSigns: Whether each example's gradients get a random sign, where they have not mean zero. Second
    ///     moments of what belongs to one example stay the same to the bit; of what examples share, such as a table of
    ///     positions, they are those of single examples in expectation, instead of those of the sum.
    func gradients(
        of loss: Loss, matrix: CurvatureMatrix, withRespectTo intermediates: [Tensor], differentiable: Bool,
        drawsSigns: Bool = false, using generator: inout RandomGenerator
    ) -> [[Tensor?]] {
        switch self {
        case .sampled(let draws):
            requireFisher(matrix, loss)
            return (0..<checked(draws)).map { _ in
                let likelihoods = loss.terms.map { term in
                    let targets = withoutGradients { term.distribution.sample(using: &generator) }
                    return term.negativeLogLikelihood(ofDrawn: targets)
                }
                return propagate(
                    likelihoods, weights: loss.terms.map(\.weight), draws: draws, to: intermediates,
                    differentiable: differentiable)
            }
        case .empirical:
            let losses = loss.terms.map(\.rootWeighted)
            let signs = drawsSigns ? generator.signs(like: losses[0].detached()) : nil
            return [
                propagate(
                    losses, weights: loss.terms.map(\.weight), signs: signs, to: intermediates,
                    differentiable: differentiable)
            ]
        case .exact:
            return loss.terms.flatMap { term in
                let rank = term.factorRank(of: matrix)
                return (0..<rank).map { column in
                    let unit = Tensor.zeros([loss.batchSize, rank], like: term.distribution.parameters[0])
                    let examples = unit[.all, column]
                    if drawsSigns { examples.assign(generator.signs(like: examples)) } else { examples.fill(1) }
                    let weights = withoutGradients { term.factorProduct(of: matrix, with: unit) }
                    return pullBack(weights, through: term.distribution.parameters, to: intermediates)
                }
            }
        case .curvaturePropagation(let draws):
            return (0..<checked(draws)).map { _ in
                let weights = withoutGradients {
                    loss.terms.flatMap { term in
                        let shape = [loss.batchSize, term.factorRank(of: matrix)]
                        let signs = generator.signs(like: Tensor.zeros(shape, like: term.distribution.parameters[0]))
                        return term.factorProduct(of: matrix, with: signs / Double(draws).squareRoot())
                    }
                }
                return pullBack(weights, through: loss.terms.flatMap(\.distribution.parameters), to: intermediates)
            }
        }
    }

    /// The gradients of the sum over terms and batch of √weight · likelihood / √draws.
    private func propagate(
        _ likelihoods: [Tensor], weights: [Double], draws: Int = 1, signs: Tensor? = nil, to intermediates: [Tensor],
        differentiable: Bool
    ) -> [Tensor?] {
        let scaled = zip(likelihoods, weights).map { likelihood, weight in
            let root = (weight / Double(draws)).squareRoot()
            return signs.map { $0 * root } ?? Tensor.full(like: likelihood.detached(), root)
        }
        return pullBack(scaled, through: likelihoods, to: intermediates, differentiable: differentiable)
    }

    private func checked(_ draws: Int) -> Int {
        require(by: "Estimation")
        return draws
    }

    private func requireFisher(_ matrix: CurvatureMatrix, _ loss: Loss) {
        guard matrix == .ggn, let term = loss.terms.first(where: { !$0.distribution.hasNaturalParameters }) else {
            return
        }
        fatalError(
            "Estimation: targets drawn from the model do not estimate the Gauss–Newton matrix of "
                + "\(type(of: term.distribution)), whose parameters are not natural: use .fisher, or .exact or "
                + ".curvaturePropagation")
    }
}

/// Jᵀ times vectors in the shapes of the outputs, which may contain constants; nil for an input that none reaches.
func pullBack(
    _ vectors: [Tensor], through outputs: [Tensor], to inputs: [Tensor], differentiable: Bool = false
) -> [Tensor?] {
    let variable = outputs.indices.filter { outputs[$0].requiresGradient }
    return gradientsIfReached(
        of: variable.map { outputs[$0] }, weightedBy: variable.map { vectors[$0] }, withRespectTo: inputs,
        keepingGraph: true, differentiable: differentiable)
}

extension Tensor {
    /// Zeros of another shape, of the type and on the device of `other`.
    static func zeros(_ shape: [Int], like other: Tensor) -> Tensor {
        zeros(shape, dtype: other.dtype, device: other.device)
    }
}

extension Estimation: CheckedSettings {
    package var defect: String? {
        switch self {
        case .empirical, .exact: nil
        case .sampled(let draws), .curvaturePropagation(let draws):
            SettingBounds.draws.defect("the number of draws of the estimation", draws)
        }
    }
}
