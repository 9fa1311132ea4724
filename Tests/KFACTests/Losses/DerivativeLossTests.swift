import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Products where the loss contains derivatives of the network: a layer's weight is used by the passes forward and
/// back.
@Suite struct DerivativeLossTests {
    /// J by way of the layers, against the derivatives row by row and against differences.
    @Test(arguments: DerivativeCase.allCases) func jacobian(_ kind: DerivativeCase) {
        let parameters = kind.parameters
        let (loss, uses) = recordingLayerUses { kind.loss(parameters) }
        #expect(!uses.isEmpty)
        let products = CurvatureProducts(loss, parameters: parameters, layerUses: uses)
        let v = direction(parameters)
        let computed = Dense.vector(products.jacobianProduct(with: v))
        let dense = Dense.jacobian(of: outputs(loss), withRespectTo: parameters)
        expectClose(computed, dense.matmul(Dense.vector(v)), relative: 1e-10, absolute: 1e-11)
        #expect(computed.abs().max().scalar > 1e-3)
        guard !kind.hasConstants else { return }
        let differences = (moved(kind, parameters, v, 1e-5) - moved(kind, parameters, v, -1e-5)) / 2e-5
        expectClose(computed, differences, relative: 1e-6, absolute: 1e-8)
    }

    /// Matrices of all kinds, against the dense ones.
    @Test(arguments: DerivativeCase.allCases) func matrices(_ kind: DerivativeCase) {
        let parameters = kind.parameters
        let shapes = parameters.map(\.shape)
        let (loss, uses) = recordingLayerUses { kind.loss(parameters) }
        let products = CurvatureProducts(loss, parameters: parameters, layerUses: uses)
        var fisher = Tensor.zeros([1], dtype: .float64)
        for term in loss.terms {
            let jacobian = Dense.jacobian(of: term.distribution.parameters, withRespectTo: parameters)
            let model = Dense.perExample(term.distribution.parameters.map(\.shape)) {
                term.product(of: .fisher, with: $0)
            }
            fisher = fisher + jacobian.transposed().matmul(Dense.blockDiagonal(model)).matmul(jacobian)
        }
        let product = Dense.matrix(shapes) { products.product(of: .fisher, with: $0) }
        expectClose(product, fisher, relative: 1e-9, absolute: 1e-10)
        let (u, v) = (direction(parameters), direction(parameters, seed: 90))
        let both = Tensor.stack([Dense.vector(u), Dense.vector(v)])
        expectClose(
            products.quadraticForm(of: .fisher, with: [u, v]), both.matmul(fisher).matmul(both.transposed()),
            relative: 1e-9, absolute: 1e-10)

        guard !kind.hasConstants else { return }
        func gradient(_ step: Double) -> Tensor {
            let moved = zip(parameters, v).map { ($0.detached() + $1 * step).requiringGradient() }
            return Dense.vector(gradients(of: kind.loss(moved).perExample.sum(), withRespectTo: moved))
        }
        let differences = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
        expectClose(Dense.vector(products.hessianProduct(with: v)), differences, relative: 1e-5, absolute: 1e-7)
    }

    /// A pass back of the estimation, of outputs that depend on each other, serves for J as well.
    @Test(arguments: DerivativeCase.allCases, [Estimation.sampled(), .empirical])
    func adoptedPass(_ kind: DerivativeCase, _ estimation: Estimation) {
        let parameters = kind.parameters
        let (loss, uses) = recordingLayerUses { kind.loss(parameters) }
        let (own, shared) = (
            CurvatureProducts(loss, parameters: parameters),
            CurvatureProducts(loss, parameters: parameters, layerUses: uses)
        )
        var generator = RandomGenerator(seed: 1)
        shared.adopt(
            estimation.gradients(
                of: loss, matrix: .fisher, withRespectTo: shared.passTargets, differentiable: true, using: &generator)[
                    0])
        let v = direction(parameters)
        expectClose(
            Dense.vector(shared.jacobianProduct(with: v)), Dense.vector(own.jacobianProduct(with: v)), relative: 1e-10,
            absolute: 1e-11)
    }

    /// d/dw of (1 − tanh² w) w at w = 1, and of w.
    @Test func byHand() {
        func image(_ kind: DerivativeCase) -> Double {
            let parameters = kind.parameters
            let (loss, uses) = recordingLayerUses { kind.loss(parameters) }
            let products = CurvatureProducts(loss, parameters: parameters, layerUses: uses)
            return products.jacobianProduct(with: [Tensor.ones([1, 1], dtype: .float64)])[0].scalar
        }
        let t = tanh(1.0)
        expectClose(Tensor(image(.slope)), Tensor((1 - t * t) * (1 - 2 * t)), relative: 1e-12)
        expectClose(Tensor(image(.slope)), Tensor(-0.2197), absolute: 1e-4)
        #expect(image(.slopeOfALine) == 1)
    }

    /// Weights that a derivative uses enter as they are; those that only the pass forward uses enter by their layers.
    @Test func entries() {
        func numbers(_ kind: DerivativeCase) -> [Int] {
            let parameters = kind.parameters
            let (loss, uses) = recordingLayerUses { kind.loss(parameters) }
            return JacobianTarget.all(of: parameters, uses: uses, outputs: outputs(loss)).compactMap {
                if case .parameter(let number) = $0 { number } else { nil }
            }
        }
        #expect(numbers(.slope) == [0])
        #expect(numbers(.laplacian) == [0, 1, 2, 3, 4, 5])
        #expect(numbers(.embedding) == [0, 1, 2])
        // A penalty of the last hidden layer only: what comes before it enters by its layer.
        let network = TestNetwork([3, 4, 2], seed: 3) { $0.tanh() }
        let (loss, uses) = recordingLayerUses {
            let hidden = network.layers[0](randomTensor([5, 3], seed: 4)).tanh()
            let z = network.layers[1](hidden)
            let slope = gradients(of: z.squared().sum(), withRespectTo: [hidden], differentiable: true)[0]
            let zeros = Tensor.zeros([5, 2], dtype: .float64)
            return Loss(Normal(mean: z), targets: zeros)
                + Loss(Normal(mean: slope), targets: Tensor.zeros([5, 4], dtype: .float64))
        }
        let targets = JacobianTarget.all(
            of: network.parameters.map(\.tensor), uses: uses, outputs: outputs(loss))
        #expect(targets.count == 3)
        #expect(targets.contains { if case .preActivation(_, weight: 0, bias: 1) = $0 { true } else { false } })
    }

    private func outputs(_ loss: Loss) -> [Tensor] { loss.terms.flatMap(\.distribution.parameters) }

    private func direction(_ parameters: [Tensor], seed: UInt64 = 70) -> [Tensor] {
        parameters.enumerated().map { randomTensor($1.shape, seed: seed + UInt64($0)) }
    }

    private func moved(_ kind: DerivativeCase, _ parameters: [Tensor], _ v: [Tensor], _ step: Double) -> Tensor {
        let moved = zip(parameters, v).map { ($0.detached() + $1 * step).requiringGradient() }
        return Dense.vector(outputs(kind.loss(moved)).map { $0.detached() })
    }
}
