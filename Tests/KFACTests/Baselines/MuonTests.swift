import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The orthogonalisation of Muon, and which parameters have it.
@Suite struct MuonTests {
    @Test(arguments: [[4, 4], [3, 7], [7, 3], [1, 5], [20, 6]], [DType.float64, .float32])
    func singularValuesComeNearOne(shape: [Int], dtype: DType) throws {
        let x = randomTensor(shape, seed: 3, dtype: dtype)
        let result = orthogonalized(x, iterations: 5, epsilon: 1e-7)
        let (left, _, right) = try x.singularValues()
        // The same singular vectors: only the diagonal is there in their bases.
        let core = left.transposed().matmul(result).matmul(right.transposed()).to(.float64)
        let values = core.diagonal().array(of: Double.self)
        #expect(values.allSatisfy { $0 > 0.5 && $0 < 1.3 }, "\(values)")
        expectClose(core, core.diagonal().diagonalMatrix(), absolute: dtype == .float64 ? 1e-12 : 1e-5)
    }

    @Test func aTransposedMatrixHasATransposedResult() {
        let x = randomTensor([3, 7], seed: 3)
        let epsilon = 1e-7
        expectClose(
            orthogonalized(x.transposed().copy(), iterations: 5, epsilon: epsilon),
            orthogonalized(x, iterations: 5, epsilon: epsilon).transposed(), relative: 1e-12)
        #expect(x.array(of: Double.self) == randomTensor([3, 7], seed: 3).array(of: Double.self))
    }

    /// One iteration by hand: x = 1 after the division by the norm, so a + b + c.
    @Test func oneIterationOfANumber() {
        let result = orthogonalized(Tensor([-5.0], shape: [1, 1]), iterations: 1, epsilon: 1e-7).scalar
        #expect(abs(result + (3.4445 - 4.7750 + 2.0315)) < 1e-14)
    }

    private static func names(_ configuration: Muon.Configuration) throws -> [String] {
        let network = TestNetwork([3, 4, 4, 2])
        let start = network.parameters.map { $0.tensor.detached().copy() }
        let optimizer = Muon(network.parameters, configuration: configuration)
        try optimizer.step { linearLoss(network.parameters, gradients: start) }
        // With Adam's rate at zero, only what is orthogonalised moves.
        return zip(network.parameters, start).filter { !($0.tensor.detached() .== $1).all() }.map(\.0.name)
    }

    @Test func whichParametersAreOrthogonalised() throws {
        let still = Adam.Configuration(learningRate: 0)
        let weights = (0..<3).map { "layers.\($0).weight" }
        #expect(try Self.names(.init(adam: still)) == weights)
        #expect(try Self.names(.init(adam: still, lastMatrixHasAdam: true)) == Array(weights[..<2]))
        #expect(try Self.names(.init(adam: still, adamNames: ["layers.0", "layers.1.weight"])) == [weights[2]])
        #expect(try Self.names(.init(adam: still, adamNames: ["layers"])) == [])
    }

    @Test func namesThatNoParameterHas() throws {
        let network = TestNetwork([3, 2])
        let start = network.parameters.map { $0.tensor.detached().copy() }
        let optimizer = Muon(network.parameters, configuration: .init(adamNames: ["layers.0", "head"]))
        let error = #expect(throws: OptimizerError.self) {
            try optimizer.step { linearLoss(network.parameters, gradients: start) }
        }
        #expect(error?.description.contains("head") == true)
        for (parameter, value) in zip(network.parameters, start) {
            #expect((parameter.tensor.detached() .== value).all())
        }
    }

    /// What is set between steps reaches the parameters with Adam too.
    @Test func settingsMayChangeBetweenSteps() throws {
        let network = TestNetwork([3, 2])
        let optimizer = Muon(network.parameters)
        optimizer.configuration.adam.learningRate = 0
        optimizer.configuration.learningRate = 0
        let start = network.parameters.map { $0.tensor.detached().copy() }
        try optimizer.step { linearLoss(network.parameters, gradients: start) }
        for (parameter, value) in zip(network.parameters, start) {
            #expect((parameter.tensor.detached() .== value).all())
        }
        optimizer.configuration.adam.learningRate = 0.1
        try optimizer.step { linearLoss(network.parameters, gradients: start) }
        #expect((network.layers[0].weight.detached() .== start[0]).all())
        #expect(!(network.layers[0].bias!.detached() .== start[1]).all())
    }
}
