import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Directions with the length of Adam's step, and dampings that are relative to each block.
@Suite struct GraftingTests {
    private let targets = randomTensor([12, 2], seed: 7, dtype: .float64)

    private func network() -> TestNetwork { TestNetwork([3, 4, 2], seed: 5) { $0.tanh() } }

    private func loss(_ network: TestNetwork, _ step: Int, scale: Double = 1) -> Loss {
        let x = randomTensor([12, 3], seed: UInt64(60 + step), dtype: .float64)
        return scale * Loss(Normal(mean: network(x), variance: 0.5), targets: targets)
    }

    private func configuration(
        _ rule: StepRule, _ damping: PreconditionerDamping = .relative(0.1), split: DampingSplit = .exact
    ) -> KFACOptimizer.Configuration {
        var configuration = KFACOptimizer.Configuration(
            rule: rule, preconditionerDamping: damping, estimation: .exact, inverses: .together(every: 1))
        configuration.factors.dampingSplit = split
        return configuration
    }

    /// Step by step against the formulas, with dense matrices: P = (F + c tr F / n · I)⁻¹ for each layer.
    @Test(arguments: [false, true], [0.1, 3]) func stepsAreThoseOfTheFormulas(nesterov: Bool, share: Double) throws {
        let network = network()
        let parameters = network.parameters.map(\.tensor)
        let rule = GraftedDirection(
            learningRate: .linear(from: 0.05, to: 0, steps: 20), beta1: 0.8, beta2: 0.9, epsilon: 1e-3,
            nesterov: nesterov)
        let optimizer = KFACOptimizer(
            network.parameters, configuration: configuration(.grafted(rule), .relative(.constant(share))))
        var (mean, square) = (parameters.map { $0.detached() * 0 }, parameters.map { $0.detached() * 0 })
        for step in 0..<9 {
            let before = parameters.map { $0.detached().copy() }
            let gradient = gradients(of: loss(network, step).mean, withRespectTo: parameters)
            let report = try optimizer.step { loss(network, step) }
            #expect(report.clipping == nil && report.preconditionerDamping == nil)
            mean = zip(mean, gradient).map { $0 * 0.8 + $1 * 0.2 }
            square = zip(square, gradient).map { $0 * 0.9 + $1 * $1 * 0.1 }
            let (meanWeight, squareWeight) = (1 - power(0.8, step + (nesterov ? 2 : 1)), 1 - power(0.9, step + 1))
            let ahead = zip(mean, gradient).map { (nesterov ? $0 * 0.8 + $1 * 0.2 : $0) / meanWeight }
            let adam = zip(ahead, square).map { $0 / (($1 / squareWeight).squareRoot() + 1e-3) }
            // Two layers, weight and bias each.
            for (number, part) in try optimizer.curvature.matrix().parts.enumerated() {
                let own = [2 * number, 2 * number + 1]
                let fisher = part.matrix.dense()
                let damped =
                    fisher + Tensor.identity(fisher.shape[0], dtype: .float64)
                    * (share * fisher.trace().scalar / Double(fisher.shape[0]))
                let direction = try damped.solve(part.block.vector(from: own.map { ahead[$0] }))
                let length = own.reduce(0) { $0 + (adam[$1] * adam[$1]).sum().scalar }.squareRoot()
                let change = direction * (-0.05 * (1 - Double(step) / 20) * length / norm(direction))
                let expected = zip(own.map { before[$0] }, part.block.tensors(from: change)).map { $0 + $1 }
                for (index, expected) in zip(own, expected) {
                    expectClose(parameters[index], expected, relative: 1e-9, absolute: 1e-11, "step \(step)")
                }
            }
        }
    }

    private func power(_ base: Double, _ exponent: Int) -> Double { (0..<exponent).reduce(1) { p, _ in p * base } }
    private func norm(_ x: Tensor) -> Double { (x * x).sum().scalar.squareRoot() }

    /// Nothing changes with the unit of the loss: neither the directions nor their lengths.
    @Test(arguments: [DampingSplit.traceRatio, .exact]) func theScaleOfTheLossDoesNotMatter(split: DampingSplit) throws
    {
        func run(_ scale: Double) throws -> [Tensor] {
            let network = network()
            let rule = GraftedDirection(learningRate: 0.05, epsilon: 1e-20)
            let optimizer = KFACOptimizer(
                network.parameters, configuration: configuration(.grafted(rule), split: split))
            for step in 0..<6 { try optimizer.step { loss(network, step, scale: scale) } }
            return network.parameters.map { $0.tensor.detached() }
        }
        for (a, b) in zip(try run(1), try run(1000)) { expectClose(a, b, relative: 1e-7, absolute: 1e-9) }
    }

    /// With the fixed rule, too: each block is damped in its own unit.
    @Test func everyRuleTakesRelativeDamping() throws {
        let network = network()
        let optimizer = KFACOptimizer(
            network.parameters, configuration: configuration(.fixed(learningRate: 0, momentum: 0), .relative(0.3)))
        try optimizer.step { loss(network, 0) }
        for (block, part) in zip(optimizer.curvature.blocks, try optimizer.curvature.matrix().parts) {
            let inverse = try #require(optimizer.preconditioner.inverses[ObjectIdentifier(block)]).matrix
            let fisher = part.matrix.dense()
            let size = fisher.shape[0]
            let damped = fisher + Tensor.identity(size, dtype: .float64) * (0.3 * fisher.trace().scalar / Double(size))
            expectClose(
                inverse.dense().matmul(damped), Tensor.identity(size, dtype: .float64), relative: 1e-9, absolute: 1e-9)
        }
    }

    /// Time series have a closed form of their inverse only; their diagonal is known.
    @Test func timeSeriesAreDampedInTheirOwnUnit() throws {
        let recurrent = TestLayer([6, 6], hasBias: false, seed: 2)
        let x = randomTensor([12, 5, 6], seed: 4)
        let curvature = ModelCurvature(
            of: recurrent.named("recurrent"),
            configuration: .init(layers: LayerChoices(names: ["recurrent": .timeSeries(.symmetricLag)])))
        try curvature.update {
            let start = Tensor.zeros([12, 6], dtype: .float64)
            let state = (0..<5).reduce(start) { state, step in (x[.all, step] + recurrent(state)).tanh() }
            return Loss(Normal(mean: state), targets: start)
        }
        let block = try #require(curvature.blocks.first as? TimeSeriesBlock)
        #expect(block.meanDiagonal > 0)
        #expect(BlockDamping.relative(0.5, otherwise: 9)(block) == 0.5 * block.meanDiagonal)
    }

    /// A layer without curvature has no unit: λ damps it.
    @Test func deadLayersAreDamped() throws {
        let network = network()
        var configuration = configuration(.grafted(), .relative(0.1), split: .traceRatio)
        configuration.damping = 0.5
        let optimizer = KFACOptimizer(network.parameters, configuration: configuration)
        let zeros = Tensor.zeros([12, 3], dtype: .float64)
        withoutGradients {
            for parameter in network.parameters { parameter.tensor.assign(Tensor.zeros(like: parameter.tensor)) }
        }
        let report = try optimizer.step { Loss(Normal(mean: network(zeros), variance: 0.5), targets: targets) }
        #expect(!report.isRejected)
        #expect(network.parameters.allSatisfy { $0.tensor.detached().isFinite().all() })
    }
}
