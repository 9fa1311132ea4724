public import Torch

/// Products of the Fisher, Gauss–Newton and Hessian matrices of a loss, and of their factors, with vectors.
///
/// The matrices are those of the *sum* of the losses over the batch, or of the mean if so chosen; nothing is
/// approximated or damped. With J the derivatives of the distributions' parameters z with respect to θ,
///
/// - Fisher and Gauss–Newton matrix: Jᵀ M J v, for M = B Bᵀ see ``CurvatureMatrix``;
/// - their factor: Jᵀ B u, and transposed Bᵀ J v, so that (Jᵀ B)(Jᵀ B)ᵀ is the matrix;
/// - Hessian: ∇⟨∇loss, v⟩ (Pearlmutter 1994).
///
/// Here θ are any tensors in the loss's graph (parameters, or intermediate results), vectors of which are lists of
/// tensors in their shapes. Jᵀ is a backward pass; J is the derivative of that pass with respect to what it propagates.
/// The graphs are kept for as long as this object lives, so that a product costs about two passes, and the model is not
/// run again.
///
/// With the uses of the layers in the model's run, J costs less: a direction of a layer's parameters enters at the
/// layer's pre-activation, as the layer with that direction for its parameters, so that neither a gradient of a weight
/// nor its derivative is formed. A product with J is then the work of two forward passes (of one in the first layer),
/// and one more backward pass to the pre-activations for all products.
public final class CurvatureProducts {
    /// Over what the matrices are taken.
    public enum Reduction: Sendable, Hashable, Codable {
        /// The sum of the losses over the batch.
        case sum
        /// The mean of the losses over the batch: what is minimised, and what damping is added to.
        case mean
    }

    /// The loss of the batch.
    public let loss: Loss
    /// The tensors θ.
    public let parameters: [Tensor]
    /// The uses of layers in the run that gave the loss, as far as they are known.
    public let layerUses: [LayerUse]
    /// Over what the matrices are taken.
    public let reduction: Reduction

    /// z of all terms.
    private let outputs: [Tensor]
    /// Where directions of the parameters enter the graph.
    private let targets: [JacobianTarget]
    /// Jᵀ w for some w, as a function of w, of which it is linear; made when first needed.
    private var pass: TransposedPass?

    /// Prepares products.
    ///
    /// - Parameters:
    ///   - loss: A loss whose graph has not been freed.
    ///   - parameters: The tensors θ, which must require a gradient. Where the loss does not depend on one, its part of
    ///     the products is zero.
    ///   - layerUses: What ``/Torch/recordingLayerUses(_:)`` saw of the run that gave the loss; none by default, which
    ///     is slower. Uses of other tensors are passed over.
    ///   - reduction: Over what the matrices are taken.
    public init(
        _ loss: Loss, parameters: [Tensor], layerUses: [LayerUse] = [], reduction: Reduction = .sum
    ) {
        guard parameters.allSatisfy(\.requiresGradient) else {
            fatalError("CurvatureProducts: a parameter does not require a gradient")
        }
        self.loss = loss
        self.parameters = parameters
        self.layerUses = layerUses
        self.reduction = reduction
        outputs = loss.terms.flatMap(\.distribution.parameters)
        targets = JacobianTarget.all(of: parameters, uses: layerUses, outputs: outputs)
    }

    /// The matrix times a vector: Jᵀ M J v.
    public func product(of matrix: CurvatureMatrix, with vector: [Tensor]) -> [Tensor] {
        withoutGradientsInFullPrecision {
            let images = perTerm(jacobianProduct(with: vector))
            return scaled(jacobianTransposedProduct(with: modelProduct(of: matrix, with: images)), by: scale)
        }
    }

    /// The Hessian times a vector.
    public func hessianProduct(with vector: [Tensor]) -> [Tensor] {
        require(vector, parameters.map(\.shape), "a vector")
        // The gradient of a loss that is linear in a parameter depends on nothing.
        let reached = parameters.indices.filter { gradient[$0]?.requiresGradient ?? false }
        let products = gradients(
            of: reached.map { gradient[$0]! }, weightedBy: reached.map { vector[$0] }, withRespectTo: parameters,
            keepingGraph: true)
        return scaled(products, by: scale)
    }

    /// The matrix's factor times inner vectors, one for each term of the loss in ``innerShapes(of:)``: Jᵀ B u.
    ///
    /// Traps for the Gauss–Newton matrix of a term that is not convex in z, which has no factor.
    public func factorProduct(of matrix: CurvatureMatrix, with vectors: [Tensor]) -> [Tensor] {
        require(vectors, innerShapes(of: matrix), "inner vectors")
        return withoutGradientsInFullPrecision {
            let images = zip(loss.terms, vectors).flatMap { $0.factorProduct(of: matrix, with: $1) }
            return scaled(jacobianTransposedProduct(with: images), by: scale.squareRoot())
        }
    }

    /// The transposed factor times a vector, one inner vector for each term of the loss: Bᵀ J v.
    ///
    /// Traps for the Gauss–Newton matrix of a term that is not convex in z, which has no factor.
    public func factorTransposedProduct(of matrix: CurvatureMatrix, with vector: [Tensor]) -> [Tensor] {
        _ = innerShapes(of: matrix)
        return withoutGradientsInFullPrecision {
            let images = zip(loss.terms, perTerm(jacobianProduct(with: vector)))
            return scaled(images.map { $0.factorTransposedProduct(of: matrix, with: $1) }, by: scale.squareRoot())
        }
    }

    /// The shapes of the vectors on the inner side of the factor, one for each term of the loss: [batch, rank].
    public func innerShapes(of matrix: CurvatureMatrix) -> [[Int]] {
        loss.terms.map { [loss.batchSize, $0.factorRank(of: matrix)] }
    }

    /// The products vᵢᵀ M vⱼ of the matrix with each pair of vectors, [vectors, vectors]: what a quadratic model of the
    /// loss in the plane of some directions consists of; in float64.
    ///
    /// Takes one product with J for each vector and none with Jᵀ. A term whose matrix has a factor B adds the inner
    /// products of Bᵀ J vᵢ, in double precision: a form that has no negative values, and keeps its digits where
    /// predictions are confident.
    public func quadraticForm(of matrix: CurvatureMatrix, with vectors: [[Tensor]]) -> Tensor {
        withoutGradientsInFullPrecision {
            let images = vectors.map { perTerm(jacobianProduct(with: $0)) }
            let forms = loss.terms.indices.map { index in
                let term = loss.terms[index]
                let own = images.map { $0[index] }
                guard term.hasFactor(of: matrix) else {
                    return innerProducts(own, own.map { term.product(of: matrix, with: $0) })
                }
                let roots = own.map { [term.factorTransposedProduct(of: matrix, with: $0)] }
                return innerProducts(roots, roots)
            }
            return forms.dropFirst().reduce(forms[0], +) * scale
        }
    }

    /// J v: in the shapes of the parameters of all terms' distributions, whatever the reduction.
    public func jacobianProduct(with vector: [Tensor]) -> [Tensor] {
        require(vector, parameters.map(\.shape), "a vector")
        let pass = transposedPass
        let reached = targets.indices.filter { pass.gradients[$0]?.requiresGradient ?? false }
        let images = gradientsIfReached(
            of: reached.map { pass.gradients[$0]! }, weightedBy: reached.map { targets[$0].entry(of: vector) },
            withRespectTo: pass.cotangents, keepingGraph: true)
        var product = outputs.map { _ in nil as Tensor? }
        for (output, image) in zip(variableOutputs, images) { product[output] = image }
        return zip(product, outputs).map { $0 ?? Tensor.zeros(like: $1.detached()) }
    }

    /// Jᵀ w, for w in the shapes of the parameters of all terms' distributions, whatever the reduction.
    public func jacobianTransposedProduct(with vectors: [Tensor]) -> [Tensor] {
        require(vectors, outputs.map(\.shape), "vectors of the distributions' parameters")
        return zip(pullBack(vectors, through: outputs, to: parameters), parameters).map {
            $0 ?? Tensor.zeros(like: $1.detached())
        }
    }

    /// A pass back through the model that can be differentiated with respect to what it propagates.
    private struct TransposedPass {
        /// w: what entered at each of the outputs that depend on anything.
        let cotangents: [Tensor]
        /// Jᵀ w at each of the targets; nil if none arrived.
        let gradients: [Tensor?]
    }

    /// The tensors whose gradients a backward pass must give so that ``adopt(_:)`` can use it.
    var passTargets: [Tensor] { targets.map { $0.tensor(parameters) } + outputs.filter(\.requiresGradient) }

    /// Takes the gradients of any scalar for the pass that J is the derivative of: one pass less.
    ///
    /// - Parameter gradients: Differentiable gradients with respect to ``passTargets``; others are left alone.
    func adopt(_ gradients: [Tensor?]) {
        let cotangents = gradients.dropFirst(targets.count)
        // A constant cannot be differentiated with respect to.
        guard cotangents.allSatisfy({ $0?.requiresGradient ?? false }) else { return }
        pass = TransposedPass(cotangents: cotangents.map { $0! }, gradients: Array(gradients.prefix(targets.count)))
    }

    /// The numbers of the outputs that depend on anything.
    private var variableOutputs: [Int] { outputs.indices.filter { outputs[$0].requiresGradient } }

    private var transposedPass: TransposedPass {
        if let pass { return pass }
        let new = withGradients {
            let variable = variableOutputs.map { outputs[$0] }
            let cotangents = variable.map { Tensor.zeros(like: $0.detached()).requiringGradient() }
            let gradients = gradientsIfReached(
                of: variable, weightedBy: cotangents, withRespectTo: targets.map { $0.tensor(parameters) },
                differentiable: true)
            return TransposedPass(cotangents: cotangents, gradients: gradients)
        }
        pass = new
        return new
    }

    /// The gradient of the sum of the losses, as a function of the parameters.
    private lazy var gradient: [Tensor?] = withGradients {
        let sum = loss.sum
        guard sum.requiresGradient else { return parameters.map { _ in nil } }
        return gradientsIfReached(of: [sum], withRespectTo: parameters, differentiable: true)
    }

    /// The factor of the sum's matrices.
    private var scale: Double { reduction == .sum ? 1 : loss.meanScale }

    /// M w, for vectors of the distributions' parameters term by term.
    private func modelProduct(of matrix: CurvatureMatrix, with vectors: [[Tensor]]) -> [Tensor] {
        zip(loss.terms, vectors).flatMap { $0.product(of: matrix, with: $1) }
    }

    private func perTerm(_ tensors: [Tensor]) -> [[Tensor]] {
        var rest = tensors[...]
        return loss.terms.map { term in
            let count = term.distribution.parameters.count
            defer { rest = rest.dropFirst(count) }
            return Array(rest.prefix(count))
        }
    }

    /// ⟨aᵢ, bⱼ⟩ for lists of tensors, [a.count, b.count].
    private func innerProducts(_ a: [[Tensor]], _ b: [[Tensor]]) -> Tensor {
        Tensor.stack(
            a.map { left in
                Tensor.stack(
                    b.map { right in
                        let products = zip(left, right).map { $0.innerProduct($1) }
                        return products.dropFirst().reduce(products[0], +)
                    })
            })
    }

    private func scaled(_ tensors: [Tensor], by factor: Double) -> [Tensor] {
        factor == 1 ? tensors : tensors.map { $0 * factor }
    }

    private func require(_ tensors: [Tensor], _ shapes: [[Int]], _ what: StaticString) {
        guard tensors.map(\.shape) == shapes else {
            fatalError("CurvatureProducts: \(what) of shapes \(tensors.map(\.shape)) where \(shapes) is expected")
        }
    }
}
