import KFAC
import TestSupport
import Testing
import Torch

/// Products against dense matrices that are formed row by row from the derivatives of every output.
@Suite struct CurvatureProductsTests {
    let network = SmallNetwork()

    @Test(arguments: DistributionCase.allCases, CurvatureMatrix.allCases)
    func productsAreThoseOfTheDenseMatrix(_ kind: DistributionCase, _ matrix: CurvatureMatrix) {
        let loss = loss(kind)
        let products = CurvatureProducts(loss, parameters: network.parameters)
        let computed = Dense.matrix(network.shapes) { products.product(of: matrix, with: $0) }
        expectClose(computed, denseCurvature(loss, matrix), relative: 1e-10, absolute: 1e-10)
        expectClose(computed, computed.transposed(), relative: 1e-10, absolute: 1e-10)
    }

    @Test(arguments: DistributionCase.convex, CurvatureMatrix.allCases)
    func factorTimesTransposedIsTheMatrix(_ kind: DistributionCase, _ matrix: CurvatureMatrix) {
        let loss = 0.6 * loss(kind) + loss(.bernoulli)
        for reduction in [CurvatureProducts.Reduction.sum, .mean] {
            let products = CurvatureProducts(loss, parameters: network.parameters, reduction: reduction)
            let inner = products.innerShapes(of: matrix)
            let factor = Dense.matrix(inner) { products.factorProduct(of: matrix, with: $0) }
            let transposed = Dense.matrix(network.shapes) { products.factorTransposedProduct(of: matrix, with: $0) }
            let curvature = Dense.matrix(network.shapes) { products.product(of: matrix, with: $0) }
            expectClose(transposed, factor.transposed(), relative: 1e-10, absolute: 1e-10)
            expectClose(factor.matmul(factor.transposed()), curvature, relative: 1e-10, absolute: 1e-10)
        }
    }

    /// The original multiplies by the transposed factor of the loss where the plain one belongs, harmless only where
    /// that is symmetric.
    ///
    /// Here (Jᵀ B)(Bᵀ J) v is F v, which with the transposed factor it is not.
    @Test func theFactorIsNotItsTransposed() {
        let loss = loss(.categorical)
        let products = CurvatureProducts(loss, parameters: network.parameters)
        let v = network.vector(seed: 31)
        let expected = Dense.vector(products.product(of: .fisher, with: v))
        let inner = products.factorTransposedProduct(of: .fisher, with: v)
        expectClose(
            Dense.vector(products.factorProduct(of: .fisher, with: inner)), expected, relative: 1e-10, absolute: 1e-10)
        let asTheOriginal = products.jacobianTransposedProduct(
            with: [loss.terms[0].distribution.fisherFactorTransposedProduct(inner)])
        #expect((Dense.vector(asTheOriginal) - expected).norm().scalar > 0.05 * expected.norm().scalar)
    }

    /// The derivatives of every output by differences, which know nothing of automatic differentiation.
    @Test func jacobianProductsAreDifferences() {
        let products = CurvatureProducts(loss(.categorical), parameters: network.parameters)
        let v = network.vector(seed: 32)
        let computed = products.jacobianProduct(with: v)[0]
        func moved(_ step: Double) -> Tensor {
            network.output(zip(network.parameters, v).map { $0.detached() + $1 * step })
        }
        expectClose(computed, (moved(1e-5) - moved(-1e-5)) / 2e-5, relative: 1e-7, absolute: 1e-8)
        // Adjoint: ⟨J v, w⟩ = ⟨v, Jᵀ w⟩.
        let w = randomTensor([5, 4], seed: 33)
        let back = Dense.vector(products.jacobianTransposedProduct(with: [w]))
        expectClose((computed * w).sum(), (back * Dense.vector(v)).sum(), relative: 1e-12)
    }

    @Test(arguments: DistributionCase.allCases) func hessianIsTheDifferenceOfGradients(_ kind: DistributionCase) {
        let loss = 0.4 * loss(kind) + loss(.normal)
        let products = CurvatureProducts(loss, parameters: network.parameters)
        let v = network.vector(seed: 34)
        func gradient(_ step: Double) -> Tensor {
            let moved = zip(network.parameters, v).map { ($0.detached() + $1 * step).requiringGradient() }
            let z = network.output(moved)
            let sum =
                0.4 * Loss(kind.make(z), targets: kind.targets(batch: 5))
                + Loss(DistributionCase.normal.make(z), targets: DistributionCase.normal.targets(batch: 5))
            return Dense.vector(gradients(of: sum.perExample.sum(), withRespectTo: moved))
        }
        let differences = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
        expectClose(Dense.vector(products.hessianProduct(with: v)), differences, relative: 1e-6, absolute: 1e-6)
        let dense = Dense.matrix(network.shapes) { products.hessianProduct(with: $0) }
        expectClose(dense, dense.transposed(), relative: 1e-10, absolute: 1e-10)
    }

    /// H = GGN where the outputs are linear in the parameters; elsewhere not.
    @Test(arguments: [DistributionCase.categorical, .bernoulli, .normal])
    func hessianIsTheGaussNewtonMatrixOfALinearModel(_ kind: DistributionCase) {
        let weight = randomTensor([3, 4], seed: 35).requiringGradient()
        let linear = Loss(kind.make(network.input.matmul(weight)), targets: kind.targets(batch: 5))
        let products = CurvatureProducts(linear, parameters: [weight])
        let v = [randomTensor([3, 4], seed: 36)]
        expectClose(products.hessianProduct(with: v)[0], products.product(of: .ggn, with: v)[0], relative: 1e-10)

        let other = CurvatureProducts(loss(kind), parameters: network.parameters)
        let u = network.vector(seed: 37)
        let difference = Dense.vector(other.hessianProduct(with: u)) - Dense.vector(other.product(of: .ggn, with: u))
        #expect(difference.norm().scalar > 1e-2)
    }

    @Test func severalLossesAddUpWithTheirWeights() {
        let (a, b) = (loss(.categorical), loss(.exponential))
        let sum = CurvatureProducts(0.7 * a + 1.3 * b, parameters: network.parameters)
        let parts = [a, b].map { CurvatureProducts($0, parameters: network.parameters) }
        let v = network.vector(seed: 38)
        for matrix in CurvatureMatrix.allCases {
            let terms = parts.map { Dense.vector($0.product(of: matrix, with: v)) }
            expectClose(
                Dense.vector(sum.product(of: matrix, with: v)), 0.7 * terms[0] + 1.3 * terms[1], relative: 1e-10,
                absolute: 1e-10)
        }
        let hessians = parts.map { Dense.vector($0.hessianProduct(with: v)) }
        expectClose(
            Dense.vector(sum.hessianProduct(with: v)), 0.7 * hessians[0] + 1.3 * hessians[1], relative: 1e-10,
            absolute: 1e-10)
    }

    @Test func meansAreSumsOverTheBatchSize() {
        let loss = loss(.exponential)
        let sum = CurvatureProducts(loss, parameters: network.parameters)
        let mean = CurvatureProducts(loss, parameters: network.parameters, reduction: .mean)
        let v = network.vector(seed: 39)
        for matrix in CurvatureMatrix.allCases {
            expectClose(
                Dense.vector(mean.product(of: matrix, with: v)) * 5, Dense.vector(sum.product(of: matrix, with: v)),
                relative: 1e-12)
        }
        expectClose(
            Dense.vector(mean.hessianProduct(with: v)) * 5, Dense.vector(sum.hessianProduct(with: v)), relative: 1e-12)
        expectClose(
            mean.quadraticForm(of: .fisher, with: [v]) * 5, sum.quadraticForm(of: .fisher, with: [v]), relative: 1e-12)
    }

    @Test(arguments: CurvatureMatrix.allCases) func quadraticFormsAreInnerProducts(_ matrix: CurvatureMatrix) {
        // The indefinite Gauss–Newton matrix too, as no factor is needed.
        let loss = loss(.categorical) + 0.3 * loss(.normalMeanVariance)
        let products = CurvatureProducts(loss, parameters: network.parameters)
        let vectors = [40, 50, 60].map { network.vector(seed: $0) }
        let images = vectors.map { Dense.vector(products.product(of: matrix, with: $0)) }
        let expected = Tensor.stack(vectors.map(Dense.vector)).matmul(Tensor.stack(images, axis: 1))
        let form = products.quadraticForm(of: matrix, with: vectors)
        expectClose(form, expected, relative: 1e-10, absolute: 1e-10)
    }

    /// The graph is kept, and no product changes what another gives.
    @Test func productsCanBeRepeatedInAnyOrder() {
        let products = CurvatureProducts(loss(.categorical), parameters: network.parameters)
        let v = network.vector(seed: 41)
        func all() -> [Tensor] {
            [
                products.hessianProduct(with: v), products.product(of: .fisher, with: v),
                products.product(of: .ggn, with: v), products.jacobianProduct(with: v),
            ].map(Dense.vector)
        }
        let (first, second) = (all(), withoutGradients(all))
        for (a, b) in zip(first, second) { expectClose(a, b, relative: 1e-14) }
        #expect(first.allSatisfy { !$0.requiresGradient })
    }

    @Test func parametersThatTheLossDoesNotDependOnHaveZeros() {
        let other = randomTensor([2]).requiringGradient()
        let products = CurvatureProducts(loss(.categorical), parameters: network.parameters + [other])
        let v = network.vector(seed: 42)
        let without = CurvatureProducts(loss(.categorical), parameters: network.parameters)
        let padded = v + [Tensor.ones([2], dtype: .float64)]
        for (computed, expected) in [
            (products.product(of: .fisher, with: padded), without.product(of: .fisher, with: v)),
            (products.hessianProduct(with: padded), without.hessianProduct(with: v)),
        ] {
            expectClose(Dense.vector(Array(computed.dropLast())), Dense.vector(expected), relative: 1e-12)
            expectClose(computed[3], Tensor.zeros([2], dtype: .float64))
        }
    }

    /// With respect to intermediate results derivatives stop there.
    @Test func derivativesStopAtTheGivenTensors() {
        let z = network.output
        let loss = Loss(Categorical(logits: z), targets: DistributionCase.categorical.targets(batch: 5))
        let products = CurvatureProducts(loss, parameters: [z])
        let v = randomTensor([5, 4], seed: 43)
        expectClose(
            products.product(of: .fisher, with: [v])[0], Categorical(logits: z).fisherProduct([v])[0],
            relative: 1e-12)
    }

    @Test func singlePrecisionAgrees() {
        let parameters = network.parameters.map { $0.detached().to(.float32).requiringGradient() }
        let hidden = (network.input.to(.float32).matmul(parameters[0]) + parameters[1]).tanh()
        let targets = DistributionCase.categorical.targets(batch: 5)
        let single = CurvatureProducts(
            Loss(Categorical(logits: hidden.matmul(parameters[2])), targets: targets), parameters: parameters)
        let double = CurvatureProducts(loss(.categorical), parameters: network.parameters)
        let v = network.vector(seed: 44)
        let computed = Dense.vector(single.product(of: .fisher, with: v.map { $0.to(.float32) }))
        #expect(computed.dtype == .float32)
        let expected = Dense.vector(double.product(of: .fisher, with: v))
        expectClose(computed, expected, relative: 2e-4, absolute: 1e-5)
    }

    private func loss(_ kind: DistributionCase) -> Loss {
        Loss(kind.make(network.output), targets: kind.targets(batch: 5))
    }

    /// Jᵀ M J of a loss of one term, M block-diagonal over the examples.
    private func denseCurvature(_ loss: Loss, _ matrix: CurvatureMatrix) -> Tensor {
        let term = loss.terms[0]
        let model = Dense.perExample(term.distribution.parameters.map(\.shape)) {
            switch matrix {
            case .fisher: term.distribution.fisherProduct($0)
            case .ggn: term.distribution.hessianProduct($0, targets: term.targets!)
            }
        }
        // The parameters of an example side by side, so that its block is contiguous.
        let outputs = Tensor.concatenate(term.distribution.parameters.map { $0.flattened(from: 1) }, axis: 1)
        let jacobian = Dense.jacobian(of: [outputs], withRespectTo: network.parameters)
        return jacobian.transposed().matmul(Dense.blockDiagonal(model)).matmul(jacobian)
    }
}
