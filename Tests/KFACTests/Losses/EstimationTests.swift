import KFAC
import TestSupport
import Testing
import Torch

/// What the modes of estimation propagate back, against each example's dense curvature.
@Suite struct EstimationTests {
    /// Intermediates h [4, 3] on which outputs z = tanh(h) V [4, 4] depend, example by example.
    let hidden = randomTensor([4, 3], seed: 21, in: -2..<2).requiringGradient()

    @Test(arguments: DistributionCase.allCases, CurvatureMatrix.allCases)
    func exactIsTheCurvature(_ kind: DistributionCase, _ matrix: CurvatureMatrix) {
        guard matrix == .fisher || DistributionCase.convex.contains(kind) else { return }
        let loss = loss(kind)
        expectClose(
            moment(.exact, loss, matrix), curvature(loss, matrix), relative: 1e-10, absolute: 1e-10)
    }

    @Test(arguments: DistributionCase.allCases) func exactIsTheMeanOverAllOutcomes(_ kind: DistributionCase) {
        let distribution = kind.make(outputs(hidden))
        var expected = Tensor.zeros([4, 3, 3], dtype: .float64)
        for (targets, probability) in kind.outcomes(distribution) {
            let observed = Loss(distribution, targets: targets)
            expected += moment(.empirical, observed) * probability.reshaped([4, 1, 1])
        }
        expectClose(moment(.exact, loss(kind)), expected, relative: 1e-10, absolute: 1e-10)
    }

    @Test(arguments: DistributionCase.allCases) func empiricalIsTheGradientOfTheDatasTargets(_ kind: DistributionCase) {
        let loss = loss(kind)
        let gradient = gradients(of: loss.perExample.sum(), withRespectTo: [hidden], keepingGraph: true)[0]
        expectClose(moment(.empirical, loss), Dense.outerProduct(gradient), relative: 1e-12)
    }

    /// One example is repeated, so that each row is a draw of its own.
    ///
    /// The mean of every entry lies within five standard errors.
    @Test(
        arguments: [
            (.sampled(), .fisher), (.sampled(draws: 3), .fisher), (.curvaturePropagation(), .fisher),
            (.curvaturePropagation(draws: 3), .fisher), (.curvaturePropagation(), .ggn),
        ] as [(Estimation, CurvatureMatrix)])
    func randomModesAreUnbiased(_ estimation: Estimation, _ matrix: CurvatureMatrix) {
        for kind in DistributionCase.allCases where matrix == .fisher || DistributionCase.convex.contains(kind) {
            let rows = 20_000
            let example = Loss(kind.make(outputs(hidden[0..<1])), targets: kind.targets(batch: 1))
            let expected = curvature(example, matrix, at: hidden)[0]
            let repeated = repeatedExample(kind, rows: rows)
            let moments = moment(estimation, repeated.loss, matrix, at: repeated.hidden)
            let error = (moments.mean(0) - expected).abs()
            let deviation = (moments - moments.mean(0, keepingAxes: true)).squared().mean(0).squareRoot()
            let scores = error / (deviation / Double(rows).squareRoot() + 1e-10)
            #expect(scores.max().scalar < 5, "\(kind) \(estimation) \(matrix)")
        }
    }

    /// The error falls with the root of the number of draws.
    @Test(arguments: [Estimation.sampled(), .curvaturePropagation()])
    func theErrorFallsWithTheRootOfTheDraws(_ estimation: Estimation) {
        let rows = 40_000
        let example = Loss(DistributionCase.categorical.make(outputs(hidden[0..<1])), targets: Tensor([0] as [Int]))
        let expected = curvature(example, .fisher, at: hidden)[0]
        let repeated = repeatedExample(.categorical, rows: rows)
        let moments = moment(estimation, repeated.loss, at: repeated.hidden)
        func error(draws: Int) -> Double {
            let means = moments.reshaped([rows / draws, draws, 3, 3]).mean(1)
            return (means - expected).squared().mean().squareRoot().scalar
        }
        let ratio = error(draws: 4) / error(draws: 64)
        #expect((3.6..<4.4).contains(ratio), "\(ratio) instead of 4")
    }

    @Test func manyDrawsAreSourcesOfTheirOwn() {
        var generator = RandomGenerator(seed: 1)
        for estimation in [Estimation.sampled(draws: 5), .curvaturePropagation(draws: 5)] {
            let sources = estimation.gradients(
                of: loss(.categorical), withRespectTo: [hidden], using: &generator)
            #expect(sources.count == 5)
        }
    }

    /// The original scales the statistics of its empirical mode by c², by 16 for c = 4, as it multiplies the loss by c.
    ///
    /// Here c scales each mode's statistics once.
    @Test(arguments: [Estimation.sampled(), .empirical, .exact, .curvaturePropagation()])
    func weightsScaleTheCurvatureOnce(_ estimation: Estimation) {
        for kind in DistributionCase.allCases {
            let loss = loss(kind)
            expectClose(moment(estimation, 4 * loss), moment(estimation, loss) * 4, relative: 1e-10, absolute: 1e-12)
            expectClose((4 * loss).mean, loss.mean * 4, relative: 1e-14)
            #expect((2 * (loss * 1.5)).terms[0].weight == 3)
        }
    }

    @Test(arguments: CurvatureMatrix.allCases) func exactOfSeveralLossesIsTheSum(_ matrix: CurvatureMatrix) {
        let (a, b, c) = (loss(.categorical), loss(.exponential), loss(.normal))
        let sum = moment(.exact, a, matrix) * 0.7 + moment(.exact, b, matrix) * 1.3 + moment(.exact, c, matrix)
        expectClose(moment(.exact, 0.7 * a + 1.3 * b + c, matrix), sum, relative: 1e-10, absolute: 1e-12)
    }

    /// One pass carries all terms; their products vanish in the mean.
    @Test(arguments: [Estimation.sampled(), .curvaturePropagation()])
    func randomModesOfSeveralLossesAreUnbiased(_ estimation: Estimation) {
        let rows = 20_000
        let kinds: [DistributionCase] = [.categorical, .bernoulli]
        let z = outputs(hidden[0..<1])
        let expected =
            0.7 * curvature(Loss(kinds[0].make(z), targets: kinds[0].targets(batch: 1)), .fisher, at: hidden)[0]
            + 1.3 * curvature(Loss(kinds[1].make(z), targets: kinds[1].targets(batch: 1)), .fisher, at: hidden)[0]
        let all = hidden.detached()[0..<1].broadcast(to: [rows, 3]).copy().requiringGradient()
        let output = outputs(all)
        let loss =
            0.7 * Loss(kinds[0].make(output), targets: kinds[0].targets(batch: rows))
            + 1.3 * Loss(kinds[1].make(output), targets: kinds[1].targets(batch: rows))
        var generator = RandomGenerator(seed: 3)
        #expect(estimation.gradients(of: loss, withRespectTo: [all], using: &generator).count == 1)
        let moments = moment(estimation, loss, at: all)
        let deviation = (moments - moments.mean(0, keepingAxes: true)).squared().mean(0).squareRoot()
        let scores = (moments.mean(0) - expected).abs() / (deviation / Double(rows).squareRoot())
        #expect(scores.max().scalar < 5)
    }

    /// All targets of an example are one observation: products of different terms stay.
    @Test func empiricalOfSeveralLossesIsOneObservation() {
        let (a, b) = (loss(.categorical), loss(.normal))
        func gradient(_ loss: Loss) -> Tensor {
            gradients(of: loss.perExample.sum(), withRespectTo: [hidden], keepingGraph: true)[0]
        }
        let expected = Dense.outerProduct(gradient(a) * 0.7.squareRoot() + gradient(b) * 1.3.squareRoot())
        expectClose(moment(.empirical, 0.7 * a + 1.3 * b), expected, relative: 1e-10)
    }

    @Test func tensorsThatTheLossDoesNotDependOnHaveNoGradient() {
        let other = randomTensor([2]).requiringGradient()
        var generator = RandomGenerator(seed: 1)
        for estimation in [Estimation.sampled(), .empirical, .exact, .curvaturePropagation()] {
            let sources = estimation.gradients(
                of: loss(.categorical), withRespectTo: [other, hidden], using: &generator)
            #expect(sources.allSatisfy { $0[0] == nil && $0[1] != nil })
        }
    }

    /// A variance that no network computes is a parameter of the distribution without a graph.
    @Test func constantsAmongTheParametersArePossible() {
        let mean = outputs(hidden)
        let fixed = Loss(Normal(mean: mean, variance: 0.3), targets: DistributionCase.normal.targets(batch: 4))
        let constant = Loss(
            NormalMeanVariance(mean: mean, variance: Tensor.full(like: mean.detached(), 0.3)),
            targets: DistributionCase.normal.targets(batch: 4))
        expectClose(moment(.exact, constant), moment(.exact, fixed), relative: 1e-12)
        expectClose(moment(.sampled(), constant), moment(.sampled(), fixed), relative: 1e-12)
    }

    // MARK: - Helpers

    private let readout = randomTensor([3, 4], seed: 22, in: -2..<2)

    private func outputs(_ hidden: Tensor) -> Tensor { hidden.tanh().matmul(readout) }

    private func loss(_ kind: DistributionCase) -> Loss {
        Loss(kind.make(outputs(hidden)), targets: kind.targets(batch: hidden.shape[0]))
    }

    /// The first example, many times.
    private func repeatedExample(_ kind: DistributionCase, rows: Int) -> (loss: Loss, hidden: Tensor) {
        let all = hidden.detached()[0..<1].broadcast(to: [rows, 3]).copy().requiringGradient()
        let one = kind.targets(batch: 1)
        let targets = one.broadcast(to: [rows] + one.shape.dropFirst())
        return (Loss(kind.make(outputs(all)), targets: targets), all)
    }

    /// The sum over sources of each example's g gᵀ.
    private func moment(
        _ estimation: Estimation, _ loss: Loss, _ matrix: CurvatureMatrix = .fisher, at input: Tensor? = nil
    ) -> Tensor {
        var generator = RandomGenerator(seed: 5)
        let sources = estimation.gradients(
            of: loss, matrix: matrix, withRespectTo: [input ?? hidden], using: &generator)
        let moments = sources.map { Dense.outerProduct($0[0]!) }
        return moments.dropFirst().reduce(moments[0], +)
    }

    /// Jᵀ M J of each example.
    private func curvature(_ loss: Loss, _ matrix: CurvatureMatrix, at input: Tensor? = nil) -> Tensor {
        let distribution = loss.terms[0].distribution
        let batch = distribution.batchSize
        let model = Dense.perExample(distribution.parameters.map(\.shape)) {
            switch matrix {
            case .fisher: distribution.fisherProduct($0)
            case .ggn: distribution.hessianProduct($0, targets: loss.terms[0].targets!)
            }
        }
        // The input may have more examples than the loss.
        let jacobian = Dense.jacobian(of: distribution.parameters, withRespectTo: input ?? hidden)[0..<batch]
        return jacobian.transposed().matmul(model).matmul(jacobian)
    }
}
