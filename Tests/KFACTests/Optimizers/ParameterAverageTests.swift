import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

@Suite struct ParameterAverageTests {
    private static let values = [[1.0, -2], [4.0, 0], [-2.0, 8], [5.0, 2], [0.0, 1]]

    /// Sets a parameter to each of the values and returns the averages after each.
    private static func averages(_ rule: ParameterAverage.Rule) -> [[Double]] {
        let parameter = Tensor([7.0, 7]).requiringGradient()
        let average = ParameterAverage([NamedParameter("p", parameter)], rule: rule)
        #expect(average.averages[0].tensor.array() == [7.0, 7])
        return values.enumerated().map { step, value in
            withoutGradients { parameter.assign(Tensor(value)) }
            average.update()
            #expect(average.updateCount == step + 1)
            return average.averages[0].tensor.array(of: Double.self)
        }
    }

    private static func expect(
        _ averages: [[Double]], _ expected: [[Double]], sourceLocation: SourceLocation = #_sourceLocation
    ) {
        expectClose(
            Tensor(averages.flatMap { $0 }), Tensor(expected.flatMap { $0 }), relative: 1e-14, absolute: 1e-14,
            sourceLocation: sourceLocation)
    }

    /// By hand for ρ = ½: Σ 2^(s−t) θ_s over the steps s ≤ t, divided by Σ 2^(s−t).
    @Test func exponentialAverage() {
        let averages = Self.averages(.exponential(decay: 0.5))
        Self.expect(
            averages,
            [[1, -2], [9.0 / 3, -2.0 / 3], [1.0 / 7, 30.0 / 7], [41.0 / 15, 46.0 / 15], [41.0 / 31, 62.0 / 31]])
    }

    @Test func withoutMemoryTheAverageIsTheParameter() {
        Self.expect(Self.averages(.exponential(decay: 0)), Self.values)
    }

    @Test func uniformAverage() {
        Self.expect(Self.averages(.uniform(from: 0)), [[1, -2], [2.5, -1], [1, 2], [2, 2], [1.6, 1.8]])
        Self.expect(Self.averages(.uniform(from: 2)), [[1, -2], [4, 0], [-2, 8], [1.5, 5], [1, 11.0 / 3]])
    }

    /// Nothing of the parameters changes for good, not even the last bit, and optimisers hold on to the same tensors.
    @Test func averagesTakeTheParametersPlace() throws {
        struct Stop: Error {}
        let layer = TestLayer([2, 3], seed: 1)
        let parameters = layer.named("layer")
        let average = ParameterAverage(parameters, rule: .exponential(decay: 0.9))
        let optimizer = SGD(parameters)
        for step in 0..<3 {
            let gradients = parameters.map { randomTensor($0.tensor.shape, seed: UInt64(step)) }
            try optimizer.step { linearLoss(parameters, gradients: gradients) }
            average.update()
        }
        func bits() -> [[UInt64]] { parameters.map { $0.tensor.array(of: Double.self).map(\.bitPattern) } }
        let own = bits()
        let ids = parameters.map(\.tensor.id)
        let inside = average.withAverages { bits() }
        #expect(inside == average.averages.map { $0.tensor.array(of: Double.self).map(\.bitPattern) })
        #expect(inside != own)
        #expect(bits() == own)
        #expect(throws: Stop.self) { try average.withAverages { throw Stop() } }
        #expect(bits() == own)
        #expect(parameters.map(\.tensor.id) == ids)
        #expect(parameters.allSatisfy { $0.tensor.requiresGradient })
        #expect(average.averages.map(\.name) == ["layer.weight", "layer.bias"])
        #expect(average.averages.allSatisfy { !$0.tensor.requiresGradient })
    }

    /// Noise around a minimum averages out.
    @Test func averagesAreCloserToTheMinimum() throws {
        let parameters = [NamedParameter("p", Tensor.zeros([50], dtype: .float64).requiringGradient())]
        let optimizer = SGD(parameters, configuration: .init(learningRate: 0.3, momentum: 0))
        let average = ParameterAverage(parameters, rule: .uniform(from: 20))
        for step in 0..<200 {
            let noise = randomTensor([50], seed: UInt64(step))
            let gradient = parameters[0].tensor.detached() - 1 + noise
            try optimizer.step { linearLoss(parameters, gradients: [gradient]) }
            average.update()
        }
        func distance() -> Double { (parameters[0].tensor.detached() - 1).norm().scalar }
        #expect(average.withAverages(distance) < distance() / 3)
    }

    @Test func misuseIsRefused() async {
        await #expect(processExitsWith: .success) {
            expectTrap("ParameterAverage.update: called inside of withAverages") {
                let average = ParameterAverage([], rule: .uniform(from: 0))
                average.withAverages { average.update() }
            }
            expectTrap("ParameterAverage: the decay of the average must be at least 0 and below 1; 1.0 was given") {
                _ = ParameterAverage([], rule: .exponential(decay: 1))
            }
        }
    }
}

/// Checks that a process that stopped said why.
func expectMessage(
    _ result: ExitTest.Result?, _ message: String, sourceLocation: SourceLocation = #_sourceLocation
) {
    let text = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
    #expect(text.contains(message), sourceLocation: sourceLocation)
}
