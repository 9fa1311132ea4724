public import Torch

/// The prediction of a network: a probability distribution over targets for each example.
///
/// A loss is a distribution rather than a number, so that targets can be drawn from the model itself: the expectation
/// over them is what makes the Fisher matrix F = E[∇log p ∇log pᵀ] (Martens & Grosse 2015, section 2).
///
/// All quantities are per example and unscaled: −log p is summed over an example's outputs, never averaged, and the
/// batch is the first axis of every tensor. With respect to the distribution's parameters z of one example,
///
/// - F = E[∇log p ∇log pᵀ] = B Bᵀ, with the expectation over targets drawn from the distribution;
/// - H = −∇²log p(targets), whose place in the generalised Gauss–Newton matrix Jᵀ H J is that of F in the Fisher
///   matrix Jᵀ F J (J: the derivatives of z with respect to the network's parameters). For *natural* parameters H does
///   not depend on the targets and equals F (Martens 2020, "New insights and perspectives on the natural gradient
///   method").
///
/// An example may consist of independent positions (of a sequence, of an image, of a vector), which then are the axes
/// after the batch: masks drop some of them. F, B and H must not mix positions.
///
/// ## Distributions of your own
///
/// Conform a value that holds the tensors that the network computes. Durations with an exponential distribution, for
/// example, of which the network predicts the logarithm a of the mean: −log p = a + t exp(−a), F = 1, and H = t
/// exp(−a), which depends on the target, as a is not a natural parameter.
///
/// ```swift
/// struct Exponential: PredictiveDistribution {
///     let logMean: Tensor
///
///     var parameters: [Tensor] { [logMean] }
///     var hasNaturalParameters: Bool { false }
///
///     func negativeLogLikelihood(of targets: Tensor) -> Tensor {
///         negativeLogLikelihoodPerPosition(of: targets).sum(1)
///     }
///
///     func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor {
///         logMean + targets * (-logMean).exp()
///     }
///
///     func sample(using generator: inout RandomGenerator) -> Tensor {
///         let uniform = generator.uniform(logMean.shape, dtype: logMean.dtype)
///         return -(1 - uniform).log() * logMean.detached().exp()
///     }
///
///     var fisherRank: Int { logMean.shape[1] }
///     func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { vectors }
///     func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { [vector] }
///     func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor { vectors[0] }
///
///     var hessianRank: Int? { logMean.shape[1] }
///     func hessianProduct(_ vectors: [Tensor], targets: Tensor) -> [Tensor] {
///         [targets * (-logMean.detached()).exp() * vectors[0]]
///     }
///     func hessianFactorProduct(_ vector: Tensor, targets: Tensor) -> [Tensor] {
///         [(targets * (-logMean.detached()).exp()).squareRoot() * vector]
///     }
///     func hessianFactorTransposedProduct(_ vectors: [Tensor], targets: Tensor) -> Tensor {
///         (targets * (-logMean.detached()).exp()).squareRoot() * vectors[0]
///     }
/// }
/// ```
///
/// With natural parameters, everything about H comes by itself.
public protocol PredictiveDistribution: Sendable {
    /// The tensors computed by the network: logits, means, variances; [batch, ...] each, in the graph.
    var parameters: [Tensor] { get }

    /// Whether ``parameters`` are natural parameters of an exponential family, so that H = F for any targets.
    var hasNaturalParameters: Bool { get }

    /// −log p of each example's targets, [batch], differentiable with respect to the parameters.
    func negativeLogLikelihood(of targets: Tensor) -> Tensor

    /// −log p of each independent position, [batch, positions...], which ``negativeLogLikelihood(of:)`` sums.
    ///
    /// Only masks of positions need it; by default an example is one position, [batch]. Targets and parameters must
    /// have the same axes first.
    func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor

    /// Why data cannot be targets: another shape, a class that there is not, a number that is NaN; nil if they can.
    ///
    /// A ``Loss`` asks inside of `checkingData(_:)`, as in the step of an optimiser, which throws what is found. By
    /// default nothing is looked for.
    func fault(in targets: Tensor) -> DataFault?

    /// Draws targets from the distribution: constants for differentiation, in the form that the likelihood takes.
    func sample(using generator: inout RandomGenerator) -> Tensor

    /// The number of columns of B: how many vectors suffice to build F of one example.
    var fisherRank: Int { get }

    /// F v for each example: vectors in the shapes of the parameters in and out.
    func fisherProduct(_ vectors: [Tensor]) -> [Tensor]

    /// B u for each example: u is [batch, fisherRank], the result has the shapes of the parameters.
    func fisherFactorProduct(_ vector: Tensor) -> [Tensor]

    /// Bᵀ v for each example: [batch, fisherRank].
    func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor

    /// The number of columns of a factor C with H = C Cᵀ; nil if H can be indefinite, so that there is none.
    var hessianRank: Int? { get }

    /// H v for each example: vectors in the shapes of the parameters in and out.
    func hessianProduct(_ vectors: [Tensor], targets: Tensor) -> [Tensor]

    /// C u for each example, with H = C Cᵀ: u is [batch, hessianRank], the result has the shapes of the parameters.
    func hessianFactorProduct(_ vector: Tensor, targets: Tensor) -> [Tensor]

    /// Cᵀ v for each example, with H = C Cᵀ: [batch, hessianRank].
    func hessianFactorTransposedProduct(_ vectors: [Tensor], targets: Tensor) -> Tensor
}

extension PredictiveDistribution {
    /// The number of examples: the extent of the first axis.
    public var batchSize: Int { parameters[0].shape[0] }

    /// −log p of each example: an example is one position.
    public func negativeLogLikelihoodPerPosition(of targets: Tensor) -> Tensor { negativeLogLikelihood(of: targets) }

    /// Nothing is looked for.
    public func fault(in targets: Tensor) -> DataFault? { nil }

    /// That of F for natural parameters, otherwise nil.
    public var hessianRank: Int? { hasNaturalParameters ? fisherRank : nil }

    /// F v: parameters that are not natural need a product of their own.
    public func hessianProduct(_ vectors: [Tensor], targets: Tensor) -> [Tensor] {
        requireNaturalParameters(#function)
        return fisherProduct(vectors)
    }

    /// B u: parameters that are not natural need a product of their own.
    public func hessianFactorProduct(_ vector: Tensor, targets: Tensor) -> [Tensor] {
        requireNaturalParameters(#function)
        return fisherFactorProduct(vector)
    }

    /// Bᵀ v: parameters that are not natural need a product of their own.
    public func hessianFactorTransposedProduct(_ vectors: [Tensor], targets: Tensor) -> Tensor {
        requireNaturalParameters(#function)
        return fisherFactorTransposedProduct(vectors)
    }

    /// Stops the program if a distribution of one's own keeps what layers computed in bfloat16.
    func requireFullPrecision() {
        guard let parameter = parameters.first(where: { $0.dtype == .bfloat16 }) else { return }
        fatalError(
            "Loss: a parameter \(parameter.dtype)\(parameter.shape) of \(Self.self); the distribution must convert what layers "
                + "give in mixed precision: inFullPrecision")
    }

    private func requireNaturalParameters(_ function: StaticString) {
        guard hasNaturalParameters else {
            fatalError("\(Self.self).\(function): the parameters are not natural, and the type has no such product")
        }
    }
}

extension Tensor {
    /// The sum of everything but the first axis, [batch].
    func sumPerExample() -> Tensor { rank > 1 ? sum(axes: Array(1..<rank)) : self }
}
