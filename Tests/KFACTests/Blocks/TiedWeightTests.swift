import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Weights that are used in several ways, and uses that are not recorded.
@Suite struct TiedWeightTests {
    private static func squaredError(_ z: Tensor) -> Loss {
        Loss(Normal(mean: z), targets: Tensor.zeros(like: z.detached()))
    }

    private static func scalarWeight() -> NamedParameter {
        NamedParameter("w", Tensor([1.0], shape: [1, 1]).requiringGradient())
    }

    /// Matrix products with a parameter are recorded, as it is or transposed, and so is a linear layer's view.
    @Test func matrixProductsAreUses() throws {
        let w = parameter([3, 2], seed: 1)
        let x = randomTensor([4, 2], seed: 2)
        let y = randomTensor([4, 3], seed: 3)
        let (_, uses) = recordingLayerUses {
            [
                x.matmul(w.transposed()), y.matmul(w), linear(x, weight: w), linear(y, weight: w.transposed()),
                // Neither is a product with a parameter.
                x.matmul((w * 2).transposed()), x.matmul(randomTensor([2, 2], seed: 4)),
            ]
        }
        #expect(
            uses.filter { $0.weight.id == w.id }.map(\.operation) == [
                .linear, .transposedLinear, .linear, .transposedLinear,
            ])
        #expect(uses.count == 4)
        let v = randomTensor([3, 2], seed: 5)
        expectClose(uses[0].preActivation(weight: v, bias: nil), x.matmul(v.transposed()), relative: 1e-12)
        expectClose(uses[1].preActivation(weight: v, bias: nil), y.matmul(v), relative: 1e-12)
    }

    /// x W alone, against the exact Fisher matrix, and its diagonal.
    @Test(arguments: [Approximation.kronecker(), .diagonal]) func transposedLinearLayers(_ choice: Approximation) throws
    {
        let w = NamedParameter("w", parameter([3, 2], seed: 1))
        let b = NamedParameter("b", parameter([2], seed: 6))
        let x = randomTensor([1, 3], seed: 2)
        let probe = try CurvatureProbe([w, b], choices: LayerChoices(kinds: [.linear: choice])) {
            Self.squaredError(linear(x, weight: w.tensor.transposed(), bias: b.tensor))
        }
        #expect(probe.count == 2)
        let exact = DenseFisher.block(of: probe.loss, [w.tensor])
        // Of one example, the Kronecker product is exact.
        expectClose(try probe[0].denseMatrix().diagonal(), exact.diagonal(), relative: 1e-12)
        if choice == .kronecker() { expectClose(try probe[0].denseMatrix(), exact, relative: 1e-12) }
        expectClose(
            try probe[1].denseMatrix(), DenseFisher.block(of: probe.loss, [b.tensor], vector: { $0[0] }),
            relative: 1e-12)
    }

    enum Tied: String, CaseIterable { case embedding, autoencoder }

    private static func tied(_ kind: Tied) throws -> (NamedParameter, CurvatureProbe) {
        let weight = NamedParameter("tied.weight", parameter(kind == .embedding ? [6, 3] : [3, 5], seed: 1))
        let probe = try CurvatureProbe([weight]) {
            switch kind {
            case .embedding:
                let rows = embedding(Tensor([0, 3, 4, 1, 3]), weight: weight.tensor).tanh()
                let logits = rows.matmul(weight.tensor.transposed())
                return Loss(Categorical(logits: logits), targets: Tensor([0, 1, 2, 3, 5]))
            case .autoencoder:
                let code = linear(randomTensor([8, 5], seed: 2), weight: weight.tensor).tanh()
                return squaredError(linear(code, weight: weight.tensor.transposed()))
            }
        }
        return (weight, probe)
    }

    /// The sum of the products that the uses have by themselves, and its exact inverse.
    @Test(arguments: Tied.allCases) func tiedWeightsAreSumsOfProducts(_ kind: Tied) throws {
        let (weight, probe) = try Self.tied(kind)
        let block = try #require(probe[0] as? KroneckerSumBlock)
        let terms = try block.terms.map { try $0.denseMatrix() }
        expectClose(try block.denseMatrix(), terms[0] + terms[1], relative: 1e-12)
        // Each term is what the use would have if it were the only one.
        let alone = [weight.tensor.detached().copy().requiringGradient(), weight.tensor.detached()]
        let single = try CurvatureProbe([NamedParameter("w", alone[0])]) {
            switch kind {
            case .embedding:
                let rows = embedding(Tensor([0, 3, 4, 1, 3]), weight: alone[1]).tanh()
                return Loss(
                    Categorical(logits: linear(rows, weight: alone[0])), targets: Tensor([0, 1, 2, 3, 5]))
            case .autoencoder:
                let code = linear(randomTensor([8, 5], seed: 2), weight: alone[1]).tanh()
                return Self.squaredError(code.matmul(alone[0]))
            }
        }
        expectClose(terms[1], try single[0].denseMatrix(), relative: 1e-12, absolute: 1e-14)
        let damped = try block.curvature(damping: 0.1).dense()
        let inverse = try block.inverseCurvature(damping: 0.1)
        let identity = Tensor.identity(damped.shape[0], dtype: .float64)
        expectClose(inverse.dense().matmul(damped), identity, relative: 1e-9, absolute: 1e-9)
        // Classes that are no input have curvature as outputs.
        #expect(try block.denseMatrix().diagonal().min().scalar > 0)
        // The damped sum is above the sum and λ.
        let excess = damped - (terms[0] + terms[1] + identity * 0.1)
        #expect(try excess.symmetricEigen().values.min().scalar > -1e-12)
    }

    /// Sides beyond the limit keep diagonals; the inverse is exact for those.
    @Test func vocabulariesKeepDiagonals() throws {
        let classes = KroneckerSumBlock.denseLimit + 1
        let weight = NamedParameter("table.weight", parameter([classes, 2], seed: 1))
        let probe = try CurvatureProbe([weight], estimation: .sampled()) {
            let rows = embedding(Tensor([0, 3, classes - 1]), weight: weight.tensor)
            return Loss(Categorical(logits: linear(rows, weight: weight.tensor)), targets: Tensor([0, 1, 2]))
        }
        let block = try #require(probe[0] as? KroneckerSumBlock)
        #expect(block.terms[1].output is DiagonalKroneckerFactor)
        let v = randomTensor([classes, 2], seed: 2)
        let curvature = try block.curvature(damping: 0.1)
        let back = block.apply(curvature, to: block.apply(try block.inverseCurvature(damping: 0.1), to: [v]))
        expectClose(back[0], v, relative: 1e-10, absolute: 1e-10)
    }

    /// Training with a tied table falls where rows of classes that are no input used to move by gradient over damping.
    @Test func tiedTablesTrain() throws {
        let weight = NamedParameter("table.weight", parameter([12, 4], seed: 1))
        let optimizer = KFACOptimizer(
            [weight],
            configuration: .init(rule: .fixed(learningRate: 0.3), damping: 0.01, inverses: .together(every: 1)))
        func loss() -> Loss {
            let rows = embedding(Tensor([0, 1, 2, 3, 4, 5]), weight: weight.tensor)
            return Loss(
                Categorical(logits: rows.matmul(weight.tensor.transposed())), targets: Tensor([6, 7, 8, 9, 10, 11]))
        }
        let first = try optimizer.step(loss).loss
        var last = first
        for _ in 0..<15 { last = try optimizer.step(loss).loss }
        #expect(last < 0.5 * first)
    }

    /// Uses that no operation records make the block generic, and are told.
    @Test func usesThatAreNotRecorded() throws {
        let x = Tensor([1.0], shape: [1, 1])
        let w = Self.scalarWeight()
        let probe = try CurvatureProbe([w]) { Self.squaredError(linear(x, weight: w.tensor) + w.tensor * 3) }
        expectClose(try probe[0].denseMatrix(), Tensor([16.0], shape: [1, 1]), relative: 1e-12)
        let optimizer = KFACOptimizer([w])
        let report = try optimizer.step { Self.squaredError(linear(x, weight: w.tensor) + w.tensor * 3) }
        #expect(report.messages.first?.contains("for w, as operations that are not recorded use it, too") == true)
    }

    /// Two uses at one position: independent uses by default, and one example's gradient where uses are summed first.
    @Test func usesOfOneKindAreIndependent() throws {
        let x = Tensor([1.0], shape: [1, 1])
        let w = Self.scalarWeight()
        func curvature(_ sharing: Approximation.Sharing) throws -> Double {
            let choices = LayerChoices(kinds: [.linear: .kronecker(sharing: sharing)])
            let probe = try CurvatureProbe([w], choices: choices) {
                Self.squaredError(linear(x, weight: w.tensor) + x.matmul(w.tensor.transposed()))
            }
            return try probe[0].denseMatrix().scalar
        }
        #expect(try abs(curvature(.expand) - 2) < 1e-12)
        #expect(try abs(curvature(.reduce) - 4) < 1e-12)
    }

    /// Derivatives of the network inside the loss.
    @Test func derivativesInsideTheLoss() throws {
        let w = Self.scalarWeight()
        for isAlone in [false, true] {
            let probe = try CurvatureProbe([w]) {
                let x = Tensor([1.0], shape: [1, 1]).requiringGradient()
                let u = linear(x, weight: w.tensor)
                let slope = gradients(of: u.sum(), withRespectTo: [x], differentiable: true)[0]
                return Self.squaredError(isAlone ? slope : Tensor.concatenate([u, slope], axis: 1))
            }
            // ∂u/∂w = x = 1 and ∂u'/∂w = 1.
            expectClose(try probe[0].denseMatrix(), Tensor([isAlone ? 1.0 : 2], shape: [1, 1]), relative: 1e-12)
        }
    }
}
