import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// The mean squares of the examples' gradients in a basis, against the exact Fisher matrix by derivatives.
@Suite struct ExampleEigenvalueTests {
    private func statistics(
        of layer: BlockCase, _ loss: (Tensor) -> Tensor
    ) throws -> (loss: Loss, block: any CurvatureBlock, batch: BlockStatistics) {
        let parameters = layer.parameters()
        let curvature = ModelCurvature(
            of: parameters, configuration: .init(estimation: .exact, layers: layer.choices))
        let (loss, uses) = recordingLayerUses {
            let mean = loss(layer.output(parameters))
            return Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        let statistics = try curvature.statistics(of: loss, uses: uses)
        try curvature.updateAverages(with: statistics)
        let (block, batch) = try #require(statistics.blocks.first)
        return (loss, block, batch)
    }

    /// diag(Qᵀ F Q), [dimension, 1].
    static func diagonal(of matrix: Tensor, in basis: any EigenbasisOperator) -> Tensor {
        func turned(_ matrix: Tensor) -> Tensor {
            Tensor.concatenate(
                (0..<matrix.shape[1]).map { basis.coordinates(of: matrix[.all, $0..<($0 + 1)].copy()) }, axis: 1)
        }
        return turned(turned(matrix).transposed()).diagonal().reshaped([-1, 1])
    }

    /// The loss couples positions, so that neither factors nor positions by themselves are exact.
    @Test(arguments: [
        BlockCase.linear, .linearWithoutBias, .linearDiagonalInput, .linearDiagonalOutput, .linearReduce, .severalUses,
        .convolution, .convolutionReduce, .grouped, .groupedReduce, .depthwise, .transposed, .transposedGrouped,
        .transposedReduce,
    ]) func areThoseOfTheExactMatrix(_ layer: BlockCase) throws {
        let (loss, block, batch) = try statistics(of: layer) { $0.tanh().sum(1).squared() }
        let basis = try block.eigenbasisUpdate(in: .float64)()
        let squares = try #require(block.squaredCoordinates(of: batch, in: basis))
        let exact = DenseFisher.block(
            of: loss, block.parameters.map(\.tensor), vector: { block.vector(from: $0) })
        expectClose(squares, Self.diagonal(of: exact, in: basis), relative: 1e-10, absolute: 1e-13)
        // What they correct: the eigenvalues of the factors are others.
        #expect((squares - basis.eigenvalues).abs().max().scalar > 1e-6)
    }

    /// Where the factors are exact, there is nothing to correct.
    @Test(arguments: [BlockCase.linear, .severalUses, .convolution, .grouped, .depthwise])
    func exactFactorsHaveTheSame(_ layer: BlockCase) throws {
        let (_, block, batch) = try statistics(of: layer) { $0 }
        let basis = try block.eigenbasisUpdate(in: .float64)()
        let squares = try #require(block.squaredCoordinates(of: batch, in: basis))
        expectClose(squares.sum(), basis.eigenvalues.sum(), relative: 1e-10, absolute: 1e-13)
        let exact = try block.denseMatrix()
        if layer == .linear {
            expectClose(squares, Self.diagonal(of: exact, in: basis), relative: 1e-10, absolute: 1e-13)
        }
    }

    /// A batch whose gradients are larger than what is held at a time, which only the plain way bounds.
    @Test func manyExamplesAreTakenInParts() throws {
        let weight = NamedParameter("layer.weight", parameter([24, 8, 3, 3], seed: 1))
        let images = randomTensor([9, 8, 20, 20], seed: 2)
        let curvature = ModelCurvature(of: [weight], configuration: .init(estimation: .empirical))
        let (loss, uses) = recordingLayerUses {
            let mean = convolution(images, weight: weight.tensor, padding: [1, 1]).tanh().sum(2, 3)
            return Loss(Normal(mean: mean, variance: 0.6), targets: Tensor.zeros(mean.shape, dtype: .float64))
        }
        let statistics = try curvature.statistics(of: loss, uses: uses)
        try curvature.updateAverages(with: statistics)
        let (block, batch) = try #require(statistics.blocks.first)
        let basis = try block.eigenbasisUpdate(in: .float64)()
        let squares = try #require(block.squaredCoordinates(of: batch, in: basis))
        let expected = (0..<9).map { example in
            let gradient = gradients(
                of: loss.perExample[example], withRespectTo: [weight.tensor], keepingGraph: true)
            return basis.coordinates(of: block.vector(from: gradient)).squared()
        }
        expectClose(
            squares, expected.dropFirst().reduce(expected[0], +) / 9, relative: 1e-10, absolute: 1e-13)
    }

    @Test(arguments: [BlockCase.embedding, .scaleAndShiftDiagonal, .genericDiagonal, .biasAlone, .linearDiagonal])
    func otherBlocksCannotTell(_ layer: BlockCase) throws {
        let (_, block, batch) = try statistics(of: layer) { $0.tanh().sum(1).squared() }
        let basis = try block.eigenbasisUpdate(in: .float64)()
        #expect(block.squaredCoordinates(of: batch, in: basis) == nil)
    }
}
