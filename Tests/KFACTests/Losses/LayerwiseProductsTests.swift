import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Products with J by way of the layers' pre-activations, against those by way of the parameters.
@Suite struct LayerwiseProductsTests {
    @Test(arguments: BlockCase.allCases) func areThoseOfTheParameters(_ kind: BlockCase) {
        let parameters = kind.parameters()
        let (loss, uses) = recordingLayerUses {
            let mean = kind.output(parameters).tanh()
            return Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        expectSame(loss, uses, parameters.map(\.tensor))
    }

    @Test(arguments: ResumeNetwork.allCases) func areThoseOfTheParametersOfNetworks(_ network: ResumeNetwork) {
        let subject = network.make()
        let (loss, uses) = recordingLayerUses { subject.loss(0) }
        let entries = expectSame(loss, uses, subject.parameters.map(\.tensor))
        // The gain of the convolutions is no layer's.
        #expect(entries.asTheyAre == (network == .convolutions ? [4] : []))
        #expect(entries.byLayers == uses.count)
    }

    /// A weight that anything but a layer takes in enters as it is, and only it.
    @Test func aWeightThatIsUsedOtherwise() {
        let (a, b) = (TestLayer([3, 3], seed: 1), TestLayer([3, 3], seed: 2))
        let x = randomTensor([5, 3], seed: 3)
        let (loss, uses) = recordingLayerUses {
            normal(a(b(x).tanh()) + Tensor.einsum("bi,io->bo", x, a.weight))
        }
        #expect(expectSame(loss, uses, a.parameters + b.parameters) == Entries(asTheyAre: [0, 1], byLayers: 1))
        // Transposed uses are those of a layer, too.
        let (tied, tiedUses) = recordingLayerUses {
            normal(a(b(x).tanh()) + x.matmul(a.weight) + linear(x, weight: b.weight.transposed()))
        }
        #expect(expectSame(tied, tiedUses, a.parameters + b.parameters) == Entries(asTheyAre: [], byLayers: 4))
    }

    /// A bias of two layers, of which one's weight is none of the parameters.
    @Test func aBiasBesideAnotherWeight() {
        let bias = parameter([3], seed: 1)
        let (weight, other) = (parameter([3, 3], seed: 2), parameter([3, 3], seed: 3))
        let x = randomTensor([5, 3], seed: 4)
        let (loss, uses) = recordingLayerUses {
            normal(linear(linear(x, weight: weight, bias: bias).tanh(), weight: other, bias: bias))
        }
        #expect(expectSame(loss, uses, [bias, weight]) == Entries(asTheyAre: [0], byLayers: 1))
        #expect(expectSame(loss, uses, [weight, other, bias]) == Entries(asTheyAre: [], byLayers: 2))
    }

    /// A tensor that is the weight of one layer and the bias of another.
    @Test func aWeightThatIsABias() {
        let (scale, weight) = (parameter([3], seed: 1), parameter([3, 3], seed: 2))
        let x = randomTensor([5, 3], seed: 3)
        let (loss, uses) = recordingLayerUses {
            normal(linear(scaleAndShift(x, scale: scale).tanh(), weight: weight, bias: scale))
        }
        #expect(expectSame(loss, uses, [scale, weight]) == Entries(asTheyAre: [], byLayers: 2))
        #expect(expectSame(loss, uses, [scale]) == Entries(asTheyAre: [0], byLayers: 0))
    }

    /// Weights that are made of other parameters, each differentiated with respect to.
    @Test func weightsThatAreResults() {
        let (direction, length) = (parameter([3, 3], seed: 1), parameter([3, 1], seed: 2))
        let x = randomTensor([5, 3], seed: 3)
        let weight = direction * length
        let (loss, uses) = recordingLayerUses { normal(linear(x, weight: weight).tanh()) }
        #expect(expectSame(loss, uses, [direction, length]) == Entries(asTheyAre: [0, 1], byLayers: 0))
        #expect(expectSame(loss, uses, [direction, weight]) == Entries(asTheyAre: [0], byLayers: 1))
    }

    /// A use of whose output nothing comes, and a parameter that is nowhere.
    @Test func whatTheLossDoesNotSee() {
        let (a, b) = (TestLayer([3, 3], seed: 1), TestLayer([3, 3], seed: 2))
        let x = randomTensor([5, 3], seed: 3)
        let (loss, uses) = recordingLayerUses {
            _ = b(a(x))
            return normal(a(x).tanh())
        }
        #expect(uses.count == 3)
        #expect(expectSame(loss, uses, a.parameters + b.parameters) == Entries(asTheyAre: [2, 3], byLayers: 1))
    }

    /// The pass back of drawn targets serves, too, and gives the same; one that cannot be differentiated is left alone.
    @Test(arguments: [Estimation.sampled(), .empirical, .exact, .curvaturePropagation()])
    func ofAPassThatIsThere(_ estimation: Estimation) {
        let subject = ResumeNetwork.convolutions.make()
        let parameters = subject.parameters.map(\.tensor)
        let (loss, uses) = recordingLayerUses { subject.loss(0) }
        let (own, shared) = (
            CurvatureProducts(loss, parameters: parameters, layerUses: uses),
            CurvatureProducts(loss, parameters: parameters, layerUses: uses)
        )
        var generator = RandomGenerator(seed: 1)
        let gradients = estimation.gradients(
            of: loss, matrix: .fisher, withRespectTo: shared.passTargets, differentiable: true, using: &generator)
        shared.adopt(gradients[0])
        let v = direction(of: parameters)
        expectClose(shared.jacobianProduct(with: v)[0], own.jacobianProduct(with: v)[0], relative: 1e-12)
    }

    /// Outputs that depend on each other, and one that depends on nothing.
    @Test func ofAPassToOutputsThatDependOnEachOther() {
        let layer = TestLayer([2, 3], seed: 1)
        let x = randomTensor([5, 3], seed: 2)
        let (loss, uses) = recordingLayerUses {
            let mean = layer(x).tanh()
            let both = NormalMeanVariance(mean: mean, variance: mean.exp() + 0.5)
            let fixed = Normal(mean: randomTensor([5, 2], seed: 3), variance: 1)
            let targets = randomTensor([5, 2], seed: 4)
            return Loss(both, targets: targets) + Loss(fixed, targets: targets)
        }
        let shared = CurvatureProducts(loss, parameters: layer.parameters, layerUses: uses)
        var generator = RandomGenerator(seed: 1)
        shared.adopt(
            Estimation.sampled().gradients(
                of: loss, matrix: .fisher, withRespectTo: shared.passTargets, differentiable: true, using: &generator)[
                    0])
        let plain = CurvatureProducts(loss, parameters: layer.parameters)
        let v = direction(of: layer.parameters)
        for (computed, expected) in zip(shared.jacobianProduct(with: v), plain.jacobianProduct(with: v)) {
            expectClose(computed, expected, relative: 1e-12, absolute: 1e-14)
        }
    }

    private func normal(_ mean: Tensor) -> Loss {
        Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.zeros(mean.shape, dtype: .float64))
    }

    private func direction(of parameters: [Tensor]) -> [Tensor] {
        parameters.enumerated().map {
            randomTensor($1.shape, seed: 70 + UInt64($0)).to($1.dtype)
        }
    }

    /// Compares with the products that know of no layers.
    @discardableResult
    private func expectSame(
        _ loss: Loss, _ uses: [LayerUse], _ parameters: [Tensor], sourceLocation: SourceLocation = #_sourceLocation
    ) -> Entries {
        let plain = CurvatureProducts(loss, parameters: parameters)
        let layerwise = CurvatureProducts(loss, parameters: parameters, layerUses: uses)
        let v = direction(of: parameters)
        let isSingle = parameters.contains { $0.dtype == .float32 }
        let (computed, expected) = (layerwise.jacobianProduct(with: v), plain.jacobianProduct(with: v))
        #expect(expected[0].abs().max().scalar > 0, sourceLocation: sourceLocation)
        for (computed, expected) in zip(computed, expected) {
            expectClose(
                computed, expected, relative: isSingle ? 1e-4 : 1e-11, absolute: isSingle ? 1e-4 : 1e-12,
                sourceLocation: sourceLocation)
        }
        #expect(computed.allSatisfy { !$0.requiresGradient }, sourceLocation: sourceLocation)
        let targets = JacobianTarget.all(
            of: parameters, uses: uses, outputs: loss.terms.flatMap(\.distribution.parameters))
        let asTheyAre = targets.compactMap { if case .parameter(let number) = $0 { number } else { nil } }
        return Entries(asTheyAre: asTheyAre, byLayers: targets.count - asTheyAre.count)
    }

    /// How directions enter.
    private struct Entries: Equatable {
        /// The numbers of the parameters whose parts enter as they are.
        var asTheyAre: [Int]
        /// The number of uses of layers.
        var byLayers: Int
    }
}
