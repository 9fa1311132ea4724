import Foundation
import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Estimates that draw random numbers have the exact matrix as their mean, and come nearer to it as they should.
@Suite struct EstimationMomentTests {
    enum Model: CaseIterable {
        case categorical
        case sequence
        case bernoulli
        case normal

        /// The loss and the pre-activation [batch, ..., features] of a hidden layer.
        ///
        /// - Parameter repeats: How often the four examples are there: as many estimates come from one pass.
        func callAsFunction(repeats: Int = 1) -> (loss: Loss, hidden: Tensor) {
            let network = TestNetwork([2, 3, 3])
            let shape = self == .sequence ? [4, 2, 2] : [4, 2]
            let x = (randomTensor(shape, seed: 2) * 2).broadcast(to: [repeats] + shape)
                .reshaped([repeats * 4] + shape.dropFirst())
            let hidden = network.layers[0](x)
            let outputs = network.layers[1](hidden.tanh()) * 2
            let targets = randomTensor(outputs.shape, seed: 3, in: 0..<1)
            switch self {
            case .categorical, .sequence: return (Loss(Categorical(logits: outputs), targets: targets), hidden)
            case .bernoulli: return (Loss(Bernoulli(logits: outputs), targets: targets), hidden)
            case .normal: return (Loss(Normal(mean: outputs, variance: 0.3), targets: targets), hidden)
            }
        }
    }

    static let random: [@Sendable (Int) -> Estimation] = [
        { .sampled(draws: $0) }, { .curvaturePropagation(draws: $0) },
    ]

    /// The estimate of each repetition of the four examples: Σ g gᵀ over sources and rows, per example.
    ///
    /// - Returns: [repeats, features, features].
    private static func moments(
        _ estimation: Estimation, _ loss: Loss, _ intermediate: Tensor, seed: UInt64 = 1
    ) -> Tensor {
        var generator = RandomGenerator(seed: seed)
        let sources = estimation.gradients(of: loss, withRespectTo: [intermediate], using: &generator)
        let rows = Tensor.stack(sources.map { $0[0]! }, axis: 1)
            .reshaped([loss.batchSize / 4, -1, intermediate.shape.last!])
        return rows.transposed().matmul(rows) / 4
    }

    /// The same summed over sources, from enumerated scores.
    private static func enumerated(_ loss: Loss, _ intermediate: Tensor) -> Tensor {
        let outputs = loss.distributionOfOneTerm.parameters[0]
        let values = outputs.array(of: Double.self)
        let width = values.count / loss.batchSize
        var sum = Tensor.zeros([intermediate.shape.last!, intermediate.shape.last!], dtype: .float64)
        for example in 0..<loss.batchSize {
            let own = example * width..<(example + 1) * width
            for score in DenseFisher.scores(of: loss.distributionOfOneTerm, at: Array(values[own])) {
                var weights = [Double](repeating: 0, count: values.count)
                weights.replaceSubrange(own, with: score)
                let gradient = gradients(
                    of: [outputs], weightedBy: [Tensor(weights, shape: outputs.shape)],
                    withRespectTo: [intermediate], keepingGraph: true)[0]
                sum += secondMoment(gradient.reshaped([-1, gradient.shape.last!]))
            }
        }
        return sum / Double(loss.batchSize)
    }

    @Test(arguments: Model.allCases) func exactIsTheEnumeration(model: Model) {
        let (loss, hidden) = model()
        for intermediate in [hidden, loss.distributionOfOneTerm.parameters[0]] {
            expectClose(
                Self.moments(.exact, loss, intermediate)[0], Self.enumerated(loss, intermediate),
                relative: 1e-10, absolute: 1e-13)
        }
    }

    @Test(arguments: Model.allCases, random.indices) func unbiased(model: Model, mode: Int) {
        let (loss, hidden) = model(repeats: 3000)
        let (one, oneHidden) = model()
        for draws in [1, 3] {
            let estimates = Self.moments(Self.random[mode](draws), loss, hidden)
            let error = (estimates.variance(0) / 3000).squareRoot()
            let z = (estimates.mean(0) - Self.enumerated(one, oneHidden)) / error
            #expect(z.abs().max().scalar < 5)
        }
    }

    /// The root mean square error for 1, 4, 16 and 64 draws.
    @Test(arguments: [Model.categorical, .normal], random.indices)
    func errorFallsWithTheRootOfTheDraws(model: Model, mode: Int) {
        let (loss, hidden) = model(repeats: 300)
        let (one, oneHidden) = model()
        let exact = Self.enumerated(one, oneHidden)
        let points = [1, 4, 16, 64].map { draws in
            let estimates = Self.moments(Self.random[mode](draws), loss, hidden, seed: UInt64(draws))
            return (x: log(Double(draws)), y: log((estimates - exact).squared().mean().scalar) / 2)
        }
        let x = points.map(\.x).reduce(0, +) / 4
        let y = points.map(\.y).reduce(0, +) / 4
        let slope =
            points.map { ($0.x - x) * ($0.y - y) }.reduce(0, +)
            / points.map { ($0.x - x) * ($0.x - x) }.reduce(0, +)
        #expect((-0.55 ... -0.45).contains(slope), "the slope is \(slope)")
    }

    /// The mean over all signs of both examples is the exact matrix, without any sampling.
    @Test func curvaturePropagationByEnumeration() {
        let network = TestNetwork([2, 3, 3])
        let hidden = network.layers[0](randomTensor([2, 2], seed: 2))
        let logits = network.layers[1](hidden.tanh()) * 2
        let distribution = Categorical(logits: logits)
        let loss = Loss(distribution, targets: Tensor([0, 2]))
        var sum = Tensor.zeros([3, 3], dtype: .float64)
        for pattern in 0..<64 {
            let signs = Tensor((0..<6).map { pattern >> $0 & 1 == 0 ? -1.0 : 1.0 }, shape: [2, 3])
            let gradient = gradients(
                of: [logits], weightedBy: distribution.fisherFactorProduct(signs), withRespectTo: [hidden],
                keepingGraph: true)
            sum += secondMoment(gradient[0]) / 2
        }
        expectClose(sum / 64, Self.enumerated(loss, hidden), relative: 1e-10, absolute: 1e-13)
    }

    /// Signs differ from example to example: were they shared, examples' scores would add up along.
    @Test func signsAreDrawnForEachExample() {
        let mean = Tensor.zeros([200, 3], dtype: .float64).requiringGradient()
        let loss = Loss(Normal(mean: mean), targets: Tensor.zeros([200, 3], dtype: .float64))
        var generator = RandomGenerator(seed: 1)
        let gradient = Estimation.curvaturePropagation(draws: 1).gradients(
            of: loss, withRespectTo: [mean], using: &generator)[0][0]!
        #expect(gradient.abs().array(of: Double.self).allSatisfy { $0 == 1 })
        #expect(gradient.sum(0).abs().max().scalar < 100)
    }

    /// Blocks sum over sources, which are scaled by one over the root of their number.
    @Test(arguments: random.indices) func drawsAreAveragedInTheBlock(mode: Int) throws {
        let network = TestNetwork([2, 3, 3]) { $0.tanh() }
        func error(_ estimation: Estimation) throws -> Double {
            func matrix(_ estimation: Estimation) throws -> Tensor {
                try CurvatureProbe(network.parameters, estimation: estimation) {
                    Loss(Categorical(logits: network(randomTensor([4, 2], seed: 2))), targets: Tensor([0, 1, 2, 0]))
                }[0].denseMatrix()
            }
            let exact = try matrix(.exact)
            return ((try matrix(estimation) - exact).norm() / exact.norm()).scalar
        }
        #expect(try error(Self.random[mode](400)) < 0.15)
        #expect(try error(Self.random[mode](1)) > 0.15)
    }

    /// The gradients are those of the sum over the batch, whatever the number of examples.
    @Test func empiricalGradientsAreUnscaled() {
        let (loss, hidden) = Model.categorical()
        var generator = RandomGenerator(seed: 1)
        let sources = Estimation.empirical.gradients(of: loss, withRespectTo: [hidden], using: &generator)
        #expect(sources.count == 1)
        let mean = gradients(of: loss.mean, withRespectTo: [hidden], keepingGraph: true)[0]
        expectClose(sources[0][0]!, mean * 4, relative: 1e-12, absolute: 1e-15)
    }

    @Test func intermediatesOutsideTheLossHaveNoGradient() {
        let (loss, hidden) = Model.categorical()
        let outside = hidden.squared()
        var generator = RandomGenerator(seed: 1)
        for mode: Estimation in [.sampled(), .empirical, .exact, .curvaturePropagation()] {
            let sources = mode.gradients(of: loss, withRespectTo: [hidden, outside], using: &generator)
            #expect(sources.allSatisfy { $0[0] != nil && $0[1] == nil })
        }
    }
}
