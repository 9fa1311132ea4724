import KFAC
import TestSupport
import Testing
import Torch

/// Masked positions are as if they were not there.
@Suite struct LossMaskTests {
    /// Sequences [batch 3, time 4, features 2], z = tanh(x W) V with 3 outputs at each position.
    let input = randomTensor([3, 4, 2], seed: 51)
    let parameters = [
        randomTensor([2, 4], seed: 52).requiringGradient(), randomTensor([4, 3], seed: 53).requiringGradient(),
    ]
    let mask = Tensor(
        [true, true, false, true, false, true, false, false, true, true, true, true], shape: [3, 4])

    enum Kind: CaseIterable, Sendable {
        case categorical, bernoulli, normal, normalMeanVariance

        func make(_ z: Tensor) -> any PredictiveDistribution {
            switch self {
            case .categorical: Categorical(logits: z)
            case .bernoulli: Bernoulli(logits: z)
            case .normal: Normal(mean: z, variance: 0.3)
            case .normalMeanVariance: NormalMeanVariance(mean: z, variance: (z * 2).exp())
            }
        }

        func targets() -> Tensor {
            var generator = RandomGenerator(seed: 54)
            return switch self {
            case .categorical: generator.integers([3, 4], in: 0..<3)
            case .bernoulli: generator.integers([3, 4, 3], in: 0..<2)
            default: generator.normal([3, 4, 3], dtype: .float64)
            }
        }
    }

    @Test(arguments: Kind.allCases) func masksDropPositions(_ kind: Kind) {
        let targets = kind.targets()
        let z = output(input)
        let masked = Loss(kind.make(z), targets: targets, mask: mask)
        let kept = Loss(kind.make(keptRows(z)), targets: keptRows(targets))
        expectClose(masked.perExample.sum(), kept.perExample.sum(), relative: 1e-12)

        let v = [randomTensor([2, 4], seed: 55), randomTensor([4, 3], seed: 56)]
        let (a, b) = (products(masked), products(kept))
        for matrix in CurvatureMatrix.allCases {
            expectClose(
                Dense.vector(a.product(of: matrix, with: v)), Dense.vector(b.product(of: matrix, with: v)),
                relative: 1e-10, absolute: 1e-10)
        }
        expectClose(
            Dense.vector(a.hessianProduct(with: v)), Dense.vector(b.hessianProduct(with: v)), relative: 1e-10,
            absolute: 1e-10)
        // The factor remains one of the matrix.
        let inner = a.factorTransposedProduct(of: .fisher, with: v)
        expectClose(
            Dense.vector(a.factorProduct(of: .fisher, with: inner)), Dense.vector(b.product(of: .fisher, with: v)),
            relative: 1e-10, absolute: 1e-10)
    }

    @Test(arguments: Kind.allCases, [Estimation.sampled(), .empirical, .exact, .curvaturePropagation()])
    func maskedPositionsGiveNothingToTheStatistics(_ kind: Kind, _ estimation: Estimation) {
        let z = output(input)
        let loss = Loss(kind.make(z), targets: kind.targets(), mask: mask)
        var generator = RandomGenerator(seed: 57)
        let sources = estimation.gradients(of: loss, withRespectTo: [z], using: &generator).map { $0[0]! }
        for source in sources {
            let norms = source.squared().sum(-1)
            expectClose(norms * (.!mask).to(.float64), Tensor.zeros([3, 4], dtype: .float64), absolute: 0)
            // Not that all were masked; a column of the exact mode belongs to one position.
            if estimation != .exact { #expect((norms .> 0).to(.float64).sum().scalar == 8) }
        }
        let total = sources.map { $0.squared().sum(-1) }
        let all = total.dropFirst().reduce(total[0], +)
        #expect((all .> 0).to(.float64).sum().scalar == 8)
    }

    /// Sums of outer products over positions are those of the loss without the masked positions.
    @Test(arguments: Kind.allCases) func exactMomentsAreThoseOfTheOtherPositions(_ kind: Kind) {
        let z = output(input)
        let rows = keptRows(z)
        func moment(_ loss: Loss, _ tensor: Tensor) -> Tensor {
            var generator = RandomGenerator(seed: 58)
            let sources = Estimation.exact.gradients(of: loss, withRespectTo: [tensor], using: &generator)
            let moments = sources.map { source in
                let g = source[0]!.reshaped([-1, 3])
                return g.transposed().matmul(g)
            }
            return moments.dropFirst().reduce(moments[0], +)
        }
        let masked = moment(Loss(kind.make(z), targets: kind.targets(), mask: mask), z)
        expectClose(
            masked, moment(Loss(kind.make(rows), targets: keptRows(kind.targets())), rows), relative: 1e-10,
            absolute: 1e-12)
    }

    /// Padding is often a number that is no class, or not a number.
    @Test func targetsOfMaskedPositionsCanBeAnything() {
        let z = output(input)
        let classes = Kind.categorical.targets()
        let padded = Tensor.select(mask, classes, Tensor.full(like: classes, -100))
        expectClose(
            Loss(Categorical(logits: z), targets: padded, mask: mask).perExample,
            Loss(Categorical(logits: z), targets: classes, mask: mask).perExample, relative: 1e-14)
        let numbers = Kind.normal.targets()
        let missing = Tensor.select(mask.expanded(at: 2), numbers, Tensor.full(like: numbers, .nan))
        let loss = Loss(Normal(mean: z), targets: missing, mask: mask)
        #expect(loss.mean.scalar.isFinite)
        let v = [randomTensor([2, 4], seed: 55), randomTensor([4, 3], seed: 56)]
        #expect(Dense.vector(products(loss).hessianProduct(with: v)).isFinite().all())
    }

    @Test func wholeExamplesCanBeMasked() {
        let z = output(input)
        let targets = Kind.categorical.targets()
        let loss = Loss(Categorical(logits: z), targets: targets, mask: Tensor([true, false, true]))
        let unmasked = Loss(Categorical(logits: z), targets: targets)
        expectClose(loss.perExample, unmasked.perExample * Tensor([1, 0, 1] as [Double]), relative: 1e-14)
        // The mean still divides by the batch size.
        expectClose(loss.mean, loss.perExample.sum() / 3, relative: 1e-14)
        // A distribution that knows nothing of positions has whole examples.
        let plain = Loss(Plain(base: Normal(mean: z[.all, 0])), targets: z[.all, 1].detached(), mask: mask[.all, 0])
        #expect((plain.perExample .> 0).array(of: Bool.self) == [true, false, true])
    }

    @Test func anAllTrueMaskChangesNothing() {
        let z = output(input)
        let targets = Kind.categorical.targets()
        let plain = Loss(Categorical(logits: z), targets: targets)
        let masked = Loss(Categorical(logits: z), targets: targets, mask: mask .== mask)
        expectClose(masked.perExample, plain.perExample, relative: 1e-14)
        let v = [randomTensor([2, 4], seed: 55), randomTensor([4, 3], seed: 56)]
        expectClose(
            Dense.vector(products(masked).product(of: .fisher, with: v)),
            Dense.vector(products(plain).product(of: .fisher, with: v)), relative: 1e-12)
    }

    /// A distribution that implements no more than it must.
    private struct Plain: PredictiveDistribution {
        let base: Normal

        var parameters: [Tensor] { base.parameters }
        var hasNaturalParameters: Bool { true }
        func negativeLogLikelihood(of targets: Tensor) -> Tensor { base.negativeLogLikelihood(of: targets) }
        func sample(using generator: inout RandomGenerator) -> Tensor { base.sample(using: &generator) }
        var fisherRank: Int { base.fisherRank }
        func fisherProduct(_ vectors: [Tensor]) -> [Tensor] { base.fisherProduct(vectors) }
        func fisherFactorProduct(_ vector: Tensor) -> [Tensor] { base.fisherFactorProduct(vector) }
        func fisherFactorTransposedProduct(_ vectors: [Tensor]) -> Tensor {
            base.fisherFactorTransposedProduct(vectors)
        }
    }

    private func output(_ input: Tensor) -> Tensor { input.matmul(parameters[0]).tanh().matmul(parameters[1]) }

    /// The unmasked positions [8, ...] of a tensor [3, 4, ...].
    private func keptRows(_ tensor: Tensor) -> Tensor {
        let flags = mask.flattened().array(of: Bool.self)
        let rows = Tensor(flags.indices.filter { flags[$0] })
        return tensor.reshaped([12] + tensor.shape.dropFirst(2)).gathered(rows)
    }

    private func products(_ loss: Loss) -> CurvatureProducts { CurvatureProducts(loss, parameters: parameters) }
}
