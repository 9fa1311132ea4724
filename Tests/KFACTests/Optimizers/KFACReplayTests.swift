import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The whole algorithm a second time, by hand and without automatic differentiation, for a network of two layers.
@Suite struct KFACReplayTests {
    /// What the optimiser does, from the papers: running averages, damped inverses, norm constraint, momentum.
    final class Replay {
        let configuration: KFACOptimizer.Configuration
        let variance: Double
        var parameters: [Tensor]
        private var step = 0
        private var averages: [(inputs: Tensor, outputs: Tensor)] = []
        private var totalWeight = 0.0
        private var inverses: [(inputs: Tensor, outputs: Tensor)] = []
        private var velocities: [Tensor]

        init(_ network: TestNetwork, variance: Double, _ configuration: KFACOptimizer.Configuration) {
            self.configuration = configuration
            self.variance = variance
            parameters = network.layers.map { DenseFisher.matrix($0.parameters).detached() }
            velocities = parameters.map { Tensor.zeros(like: $0) }
        }

        /// Does a step; returns the loss and the clipping.
        func callAsFunction(_ x: Tensor, _ targets: Tensor) throws -> (loss: Double, clipping: Double) {
            let count = Double(x.shape[0])
            func withOnes(_ x: Tensor) -> Tensor {
                Tensor.concatenate([x, Tensor.ones([x.shape[0], 1], dtype: .float64)], axis: 1)
            }
            let input = withOnes(x)
            let hidden = input.matmul(parameters[0].transposed()).tanh()
            let error = withOnes(hidden).matmul(parameters[1].transposed()) - targets
            let constant = Double(targets.shape[1]) * Tensor(2 * .pi * variance).log().scalar / 2
            let loss = error.squared().sum().scalar / (2 * variance * count) + constant

            let toOutput = error / variance
            let toHidden = toOutput.matmul(parameters[1][.all, 0..<hidden.shape[1]]) * (1 - hidden.squared())
            let inputs = [input, withOnes(hidden)]
            let outputs = [toHidden, toOutput]

            if step % configuration.statisticsPeriod == 0 {
                let weight = configuration.statisticsDecay * totalWeight
                totalWeight = weight + count
                averages = (0..<2).map { layer in
                    var a = secondMoment(inputs[layer]) / totalWeight
                    var g = secondMoment(outputs[layer]) / totalWeight
                    if !averages.isEmpty {
                        a += averages[layer].inputs * (weight / totalWeight)
                        g += averages[layer].outputs * (weight / totalWeight)
                    }
                    return (a, g)
                }
            }
            if step < 3 || step % configuration.inversePeriod == 0 {
                let root = configuration.scheduledDamping(step).squareRoot()
                inverses = try averages.map { a, g in
                    let pi = (a.diagonal().mean().scalar / g.diagonal().mean().scalar).squareRoot()
                    return (
                        try (a + Tensor.identity(a.shape[0], dtype: .float64) * (root * pi)).inverse(),
                        try (g + Tensor.identity(g.shape[0], dtype: .float64) * (root / pi)).inverse()
                    )
                }
            }
            let (rate, momentum) = configuration.rateAndMomentum(step)
            let slopes = (0..<2).map { outputs[$0].transposed().matmul(inputs[$0]) / count }
            let updates = (0..<2).map { inverses[$0].outputs.matmul(slopes[$0]).matmul(inverses[$0].inputs) }
            let product = (0..<2).reduce(0) { $0 + (slopes[$1] * updates[$1]).sum().scalar }
            let clipping = configuration.normConstraint.map { min(1, ($0 / (rate * rate * product)).squareRoot()) } ?? 1
            for layer in 0..<2 {
                velocities[layer] = velocities[layer] * momentum + updates[layer] * clipping
                parameters[layer] -= velocities[layer] * rate
            }
            step += 1
            return (loss, clipping)
        }
    }

    static let configurations: [KFACOptimizer.Configuration] = [
        .init(rule: .fixed(learningRate: 0.3), damping: 0.05, estimation: .empirical, inverses: .together(every: 1)),
        .init(
            rule: .fixed(learningRate: .linear(from: 0.4, to: 0.1, steps: 6), momentum: 0.7),
            damping: .scheduled(.exponential(from: 0.5, factor: 0.8)), estimation: .empirical, statisticsDecay: 0.8,
            statisticsPeriod: 2, inverses: .together(every: 4), clipping: .norm(1e-3)),
        .init(
            rule: .fixed(learningRate: 0.2, momentum: 0), damping: 0.1, estimation: .empirical, statisticsDecay: 0,
            statisticsPeriod: 3, inverses: .together(every: 5), clipping: .norm(1)),
        .init(
            rule: .fixed(learningRate: 0.1, momentum: 0.9), damping: 1, estimation: .empirical, statisticsDecay: 1,
            statisticsPeriod: 5, inverses: .together(every: 2)),
    ]

    @Test(arguments: configurations.indices) func replay(index: Int) throws {
        let configuration = Self.configurations[index]
        let network = TestNetwork([3, 4, 2]) { $0.tanh() }
        let replay = Replay(network, variance: 0.6, configuration)
        let optimizer = KFACOptimizer(network.parameters, configuration: configuration)
        var clippings: [Double] = []
        for step in 0..<9 {
            let batch = [3, 5, 4][step % 3]
            let x = randomTensor([batch, 3], seed: 50 + UInt64(step))
            let targets = randomTensor([batch, 2], seed: 80 + UInt64(step))
            let expected = try withoutGradients { try replay(x, targets) }
            let report = try optimizer.step { Loss(Normal(mean: network(x), variance: 0.6), targets: targets) }

            for (layer, matrix) in zip(network.layers, replay.parameters) {
                expectClose(
                    DenseFisher.matrix(layer.parameters), matrix, relative: 1e-10, absolute: 1e-12, "step \(step)")
            }
            expectClose(Tensor(report.loss), Tensor(expected.loss), relative: 1e-12)
            if configuration.normConstraint == nil {
                #expect(report.clipping == nil)
            } else {
                expectClose(Tensor(try #require(report.clipping)), Tensor(expected.clipping), relative: 1e-10)
                clippings.append(expected.clipping)
            }
            #expect(report.step == step)
            #expect(optimizer.stepCount == step + 1)
            #expect(report.learningRate == configuration.rateAndMomentum(step).rate)
            #expect(report.momentum == configuration.rateAndMomentum(step).momentum)
            #expect(report.damping == configuration.scheduledDamping(step))
            #expect(report.refreshedInverses == (step < 3 || step % configuration.inversePeriod == 0 ? 2 : 0))
            let phases = report.phases.map(\.phase)
            #expect(phases.contains(.curvatureBackward) == (step % configuration.statisticsPeriod == 0))
            #expect(phases.contains(.inverses) == (report.refreshedInverses > 0))
            #expect(Set(phases).count == phases.count)
        }
        // The constraint of the second configuration acts; that of the third never does.
        if index == 1 { #expect(clippings.contains { $0 < 1 }) }
        if index == 2 { #expect(clippings.allSatisfy { $0 == 1 }) }
    }

    /// ⟨g, F⁻¹g⟩ = 174 and α = 0.1: no change for κ = 10, √(0.5 / 1.74) for κ = 0.5.
    @Test(arguments: [(10, 1), (0.5, (0.5 / 1.74).squareRoot())])
    func normConstraintOfTheOriginal(bound: Double, expected: Double) throws {
        // One weight without input or output to average: A = 1, G = 1 / v; w x − t = r gives g = r / v, gᵀF⁻¹g = r² /
        // v.
        let start = Double(174).squareRoot()
        let weight = Tensor([start], shape: [1, 1]).requiringGradient()
        let optimizer = KFACOptimizer(
            [NamedParameter("w", weight)],
            configuration: .init(
                rule: .fixed(learningRate: 0.1, momentum: 0), damping: 1e-24, estimation: .exact, clipping: .norm(bound)
            ))
        let report = try optimizer.step {
            let mean = linear(Tensor.ones([1, 1], dtype: .float64), weight: weight)
            return Loss(Normal(mean: mean), targets: Tensor.zeros([1, 1], dtype: .float64))
        }
        expectClose(Tensor(try #require(report.clipping)), Tensor(expected), relative: 1e-10)
        expectClose(weight, Tensor([start * (1 - 0.1 * expected)], shape: [1, 1]), relative: 1e-10)
    }
}

extension KFACOptimizer.Configuration {
    fileprivate func rateAndMomentum(_ step: Int) -> (rate: Double, momentum: Double) {
        guard case .fixed(let rate, let momentum) = rule else { fatalError("the replay knows fixed rates only") }
        return (rate(step), momentum(step))
    }

    fileprivate func scheduledDamping(_ step: Int) -> Double {
        guard case .scheduled(let schedule) = damping else { fatalError("the replay knows scheduled damping only") }
        return schedule(step)
    }

    fileprivate var inversePeriod: Int {
        guard case .together(let period, 3) = inverses else { fatalError("the replay knows one schedule only") }
        return period
    }

    fileprivate var normConstraint: Double? {
        switch clipping {
        case .norm(let bound): bound
        default: nil
        }
    }
}
