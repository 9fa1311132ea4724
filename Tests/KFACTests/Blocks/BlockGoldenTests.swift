import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Blocks against those of TensorFlow 1.7 and of the successor, kfac 0.2.4.
@Suite struct BlockGoldenTests {
    static let seedGroup = "seed17_blocks"
    static let successorGroup = "kfac024_blocks"
    static let seedCases = GoldenGroup.caseNames(seedGroup)
    static let successorCases = GoldenGroup.caseNames(successorGroup)

    @Test func allCasesAreThere() throws {
        #expect(Self.seedCases.count == 24)
        #expect(Self.successorCases.count == 19)
        // The tensors that are compared.
        func count(_ group: String, _ names: [String]) throws -> Int {
            try names.reduce(0) { try $0 + Self.resultCount(GoldenGroup(group).case($1)) }
        }
        #expect(try count(Self.seedGroup, Self.seedCases) == 135)
        #expect(try count(Self.successorGroup, Self.successorCases) == 308)
    }

    /// The number of a case's tensors that do not go in.
    private static func resultCount(_ golden: GoldenCase) -> Int {
        let given = ["inputs", "grads", "outputs_grads", "vector"]
        return golden.tensors.keys.count { name in !given.contains { name.hasPrefix($0) } }
    }

    /// Products and inverse products; of time series the inverse only.
    ///
    /// The original takes height times width over the strides for the number of locations, whatever the padding. In
    /// these cases, whose borders are padded, that is right; ``locationsWithoutPadding()`` has one where it is not.
    @Test(arguments: seedCases) func replaysTheSeed(_ name: String) throws {
        let layer = try GoldenLayer(group: Self.seedGroup, case: name)
        let block = try Self.seedBlock(layer, name)
        block.updateStatistics(layer.statistics)
        let damping = try layer.damping
        if let block = block as? KroneckerBlock { try layer.expectFactors(block) }
        if let block = block as? FactorBlock { try Self.expectDiagonal(layer, block) }
        if block is TimeSeriesBlock {
            #expect(throws: LinearAlgebraError.self) { try block.curvature(damping: damping) }
            for (index, source) in [layer.statistics.uses.map(\.input), layer.statistics.gradients[0]].enumerated() {
                let hasBias = index == 0 && layer.bias != nil
                try layer.ledger.expectStatistic(
                    meanSecondMoment(Tensor.concatenate(source), hasBias: hasBias), "factor_\(index)_cov")
            }
        } else {
            try layer.expect(block.apply(block.curvature(damping: damping), to: layer.vector), "multiply")
        }
        try layer.expect(block.apply(block.inverseCurvature(damping: damping), to: layer.vector), "multiply_inverse")
        layer.ledger.expectNothingLeft()
        #expect(layer.ledger.comparedCount == Self.resultCount(layer.ledger.golden))
    }

    private static func seedBlock(_ layer: GoldenLayer, _ name: String) throws -> any CurvatureBlock {
        if name.hasPrefix("conv_diagonal") {
            return try #require(
                FactorBlock(
                    diagonalOf: layer.weight, bias: layer.bias, operation: layer.operation, settings: .tensorFlow17))
        }
        if name.hasPrefix("series") {
            let form: Approximation.TimeSeriesForm = name.contains("option1") ? .symmetricLag : .longSeries
            return TimeSeriesBlock(weight: layer.weight, bias: layer.bias, form: form, settings: .tensorFlow17)
        }
        return try #require(
            KroneckerBlock(weight: layer.weight, bias: layer.bias, operation: layer.operation, settings: .tensorFlow17))
    }

    /// The original's diagonal is a matrix [patch, outputs].
    private static func expectDiagonal(_ layer: GoldenLayer, _ block: FactorBlock) throws {
        let diagonal = try #require(block.factor as? DiagonalFactor).diagonal
        try layer.ledger.expectStatistic(diagonal, "factor_0_cov") { original in
            let rows = layer.patches!.rows(original)
            guard layer.bias != nil else { return rows.transposed().flattened() }
            let last = rows.shape[0] - 1
            return Tensor.concatenate([rows[0..<last].transposed().flattened(), rows[last]])
        }
    }

    /// Powers and Cholesky factors.
    ///
    /// A Cholesky factor depends on the order of the coordinates, in which convolutions differ here: the block's factor
    /// is brought into the original's order before it is decomposed.
    @Test(arguments: successorCases) func replaysTheSuccessor(_ name: String) throws {
        let layer = try GoldenLayer(group: Self.successorGroup, case: name)
        func structure(_ side: String) -> Approximation.Structure {
            name.contains("\(side)_diag1") ? .diagonal : .dense
        }
        let block = try #require(
            KroneckerBlock(
                weight: layer.weight, bias: layer.bias, operation: layer.operation, inputStructure: structure("in"),
                outputStructure: structure("out")))
        block.updateStatistics(layer.statistics)
        try layer.expectFactors(block)
        let damping = try layer.damping
        let curvature = try block.curvature(damping: damping)
        for (index, exponent) in try layer.ledger.golden.numbers("exps").enumerated() {
            try layer.expect(block.apply(curvature.power(exponent), to: layer.vector), "matpower_\(index)")
        }
        let inverse = try block.inverseCurvature(damping: damping)
        expectClose(inverse.dense(), try curvature.power(-1).dense(), relative: 1e-8, absolute: 1e-8)

        let factor = try layer.inOriginalOrder(curvature).choleskyFactor()
        let x = layer.originalVector(block)
        let products = [
            ("cholesky_T0", factor.apply(x)), ("cholesky_T1", factor.applyTransposed(x)),
            ("cholesky_inverse_T0", try factor.solve(x)), ("cholesky_inverse_T1", try factor.solveTransposed(x)),
        ]
        for (name, product) in products { try layer.expect(block.tensors(from: layer.ownOrder(product)), name) }
        layer.ledger.expectNothingLeft()
        #expect(layer.ledger.comparedCount == Self.resultCount(layer.ledger.golden))
    }

    /// Of 7 x 7 pixels, a kernel of 3 pixels with stride 2 and no padding sees 9 locations.
    ///
    /// A defect of the seed's blocks: they count 7 · 7 // 4 = 12, and their curvature is a third too great.
    @Test func locationsWithoutPadding() throws {
        let layer = try GoldenLayer(group: Self.successorGroup, case: "conv_s2_VALID_bias0_damping1")
        let block = try #require(
            KroneckerBlock(weight: layer.weight, bias: nil, operation: layer.operation, settings: .tensorFlow17))
        block.updateStatistics(layer.statistics)
        let product = block.output.average.trace() * block.input.average.trace()
        #expect(abs(try block.curvature(damping: 0).trace() / product - 9) < 1e-9)
    }
}

extension GoldenLayer {
    /// For a convolution's curvature, the patches in the original's order; for others the same.
    fileprivate func inOriginalOrder(_ curvature: any SymmetricOperator) throws -> any SymmetricOperator {
        guard let order = originalOrder else { return curvature }
        let product = try #require(curvature as? KroneckerOperator)
        let right = product.right.dense().gathered(order).gathered(order, axis: 1)
        return KroneckerOperator(product.left, DenseOperator(right))
    }

    /// The vector, with a convolution's patches in the original's order.
    fileprivate func originalVector(_ block: KroneckerBlock) -> Tensor {
        let x = block.vector(from: vector)
        guard let order = originalOrder else { return x }
        return x.reshaped([-1, order.count]).gathered(order, axis: 1).reshaped([-1, 1])
    }

    /// From the original's order of a convolution's patches to this library's.
    fileprivate func ownOrder(_ x: Tensor) -> Tensor {
        guard let patches, let order = originalOrder else { return x }
        return patches.columns(x.reshaped([-1, order.count])).reshaped([-1, 1])
    }

    /// For each of the original's patch coordinates, this library's number of it.
    private var originalOrder: Tensor? {
        guard let patches else { return nil }
        let (channels, positions) = (patches.channels, patches.positions)
        let order = (0..<positions).flatMap { position in (0..<channels).map { $0 * positions + position } }
        return Tensor(order + (patches.hasBias ? [channels * positions] : []))
    }
}
