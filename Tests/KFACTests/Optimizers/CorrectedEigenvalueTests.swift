import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// EK-FAC: steps by eigenvalues from the gradients of examples.
@Suite struct CorrectedEigenvalueTests {
    private let targets = randomTensor([12, 2], seed: 7, dtype: .float64)

    private func network() -> TestNetwork { TestNetwork([3, 4, 2], seed: 5) { $0.tanh() } }

    private func loss(_ network: TestNetwork, _ step: Int) -> Loss {
        let x = randomTensor([12, 3], seed: UInt64(60 + step), dtype: .float64)
        return Loss(Normal(mean: network(x), variance: 0.5), targets: targets)
    }

    /// Step by step against the formulas, with the exact Fisher matrix of each batch as a dense matrix.
    @Test(arguments: [PreconditionerDamping.proportional(), .relative(0.2)])
    func stepsAreThoseOfTheFormulas(damping: PreconditionerDamping) throws {
        let network = network()
        let parameters = network.parameters.map(\.tensor)
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: .fixed(learningRate: 0.05, momentum: 0.5), damping: 0.3, preconditionerDamping: damping,
                eigenvalues: .examples, estimation: .exact, statisticsDecay: 0.8,
                inverses: .together(every: 3, initially: 1),
                clipping: .none))
        var velocities = parameters.map { $0.detached() * 0 }
        var values: [Tensor] = []
        // The factors' count as 32 examples.
        var weight = 32.0
        var bases: [any EigenbasisOperator] = []
        for step in 0..<10 {
            let before = parameters.map { $0.detached().copy() }
            let batch = loss(network, step)
            let gradient = gradients(of: batch.mean, withRespectTo: parameters, keepingGraph: true)
            // The batch enters in the bases before the step.
            if !bases.isEmpty {
                weight = 0.8 * weight + 12
                for (number, basis) in bases.enumerated() {
                    let own = [parameters[2 * number], parameters[2 * number + 1]]
                    let exact = ExampleEigenvalueTests.diagonal(of: DenseFisher.block(of: batch, own), in: basis)
                    values[number] = values[number] + (exact - values[number]) * (12 / weight)
                }
            }
            let report = try optimizer.step { loss(network, step) }
            #expect(report.guards.isEmpty)
            #expect((report.refreshedInverses > 0) == (step % 3 == 0))
            let parts = optimizer.curvature.blocks
            if step % 3 == 0 {
                let new = try parts.map { block in
                    let matrix = try #require(optimizer.preconditioner.inverses[ObjectIdentifier(block)]).matrix
                    return try #require(matrix as? any EigenbasisOperator)
                }
                values = new.enumerated().map { number, basis in
                    guard !bases.isEmpty else { return basis.eigenvalues }
                    // (T ∘ T) v, entry by entry.
                    let count = basis.dimension
                    let unit = Tensor.identity(count, dtype: .float64)
                    let turn = Tensor.concatenate(
                        (0..<count).map { column in
                            let vector = bases[number].vectors(at: unit[.all, column..<(column + 1)].copy())
                            return basis.coordinates(of: vector)
                        }, axis: 1)
                    return (turn * turn).matmul(values[number])
                }
                bases = new
            }
            for (number, block) in parts.enumerated() {
                let own = [2 * number, 2 * number + 1]
                let added = if case .relative = damping { 0.2 * values[number].mean().scalar } else { 0.3 }
                let coordinates = bases[number].coordinates(of: block.vector(from: own.map { gradient[$0] }))
                let direction = block.tensors(from: bases[number].vectors(at: coordinates / (values[number] + added)))
                for (index, part) in zip(own, direction) {
                    velocities[index] = velocities[index] * 0.5 + part
                    expectClose(
                        parameters[index], before[index] - velocities[index] * 0.05, relative: 1e-9, absolute: 1e-12,
                        "step \(step)")
                }
            }
        }
    }

    /// A single linear layer with a Gaussian loss: the factors are exact, and so are K-FAC's steps.
    @Test func exactFactorsGiveTheSameSteps() throws {
        func run(_ eigenvalues: EigenvalueSource) throws -> Tensor {
            let layer = TestLayer([2, 3], seed: 1)
            var configuration = KFACOptimizer.Configuration(
                rule: .fixed(learningRate: 0.5, momentum: 0.3), damping: 0.1, eigenvalues: eigenvalues,
                estimation: .exact, inverses: .together(every: 1))
            configuration.factors.dampingSplit = .exact
            let optimizer = KFACOptimizer(layer.named("layer"), configuration: configuration)
            let x = randomTensor([20, 3], seed: 2)
            for _ in 0..<6 {
                try optimizer.step {
                    Loss(Normal(mean: layer(x), variance: 0.3), targets: randomTensor([20, 2], seed: 3))
                }
            }
            return layer.weight.detached()
        }
        expectClose(try run(.examples), try run(.factors), relative: 1e-9, absolute: 1e-11)
    }

    /// With every rule that has a damping; the adaptive one sees the curvature that preconditions.
    @Test(arguments: [
        StepRule.fixed(learningRate: 0.05), .momentumOfGradients(learningRate: 0.05), .quadraticModel(),
        .grafted(.init(learningRate: 0.01)),
    ]) func everyRuleLearns(rule: StepRule) throws {
        let network = network()
        let optimizer = KFACOptimizer(
            network.parameters,
            configuration: .init(
                rule: rule, damping: .adaptive(.init(initial: 0.3, interval: 2)), eigenvalues: .examples,
                inverses: .growing(every: 4)))
        var losses: [Double] = []
        for _ in 0..<30 {
            let report = try optimizer.step { loss(network, 0) }
            losses.append(report.loss)
            #expect(report.damping != nil && report.guards.isEmpty)
        }
        #expect(losses[29] < losses[0])
    }

    /// The diagonal that it forms is nearer to the Fisher matrix than the product of the factors' eigenvalues.
    @Test func theCurvatureIsNearer() throws {
        let network = network()
        let curvature = ModelCurvature(of: network.parameters, configuration: .init(estimation: .exact))
        let (loss, uses) = recordingLayerUses { self.loss(network, 3) }
        let statistics = try curvature.statistics(of: loss, uses: uses)
        try curvature.updateAverages(with: statistics)
        for (number, (block, batch)) in statistics.blocks.enumerated() {
            let basis = try block.eigenbasisUpdate(in: .float64)()
            let own = [network.parameters[2 * number].tensor, network.parameters[2 * number + 1].tensor]
            let exact = ExampleEigenvalueTests.diagonal(of: DenseFisher.block(of: loss, own), in: basis)
            let squares = try #require(block.squaredCoordinates(of: batch, in: basis))
            expectClose(squares, exact, relative: 1e-10, absolute: 1e-13)
            if number == 0 { #expect((basis.eigenvalues - exact).abs().max().scalar > 1e-3) }
        }
    }

    @Test(arguments: [
        (
            KFACOptimizer.Configuration(rule: .eigenbasisMoments(), eigenvalues: .examples),
            "the rule .eigenbasisMoments uses the bases alone: leave eigenvalues out, or choose another rule"
        ),
        (
            .init(eigenvalues: .examples, inverses: .whenStale(beyond: 0.1, atMost: 4)),
            "eigenvalues from examples have no inverses that .whenStale could probe: choose another schedule"
        ),
        (
            .init(rule: .quadraticModel(), preconditionerDamping: .adaptive(.init()), eigenvalues: .examples),
            "the search for the preconditioner's damping compares inverses: leave eigenvalues out, or .adaptive"
        ),
    ]) func choicesWithoutEffectAreRefused(configuration: KFACOptimizer.Configuration, defect: String) {
        #expect(configuration.defect == defect)
    }
}
