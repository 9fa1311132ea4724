import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Factors beyond the limit are those below it without the entries that connect different blocks.
@Suite struct WideLayerTests {
    /// The cases with a Kronecker product.
    static let cases: [BlockCase] = [
        .linear, .linearWithoutBias, .linearDiagonalInput, .linearDiagonalOutput, .linearReduce, .severalUses,
        .convolution, .convolutionReduce, .convolutionUncorrelated, .grouped, .groupedReduce, .depthwise, .transposed,
        .transposedGrouped, .transposedReduce, .embedding,
    ]
    /// Limits that cut between features, channels, kernel elements, and everywhere.
    static let limits = [(limit: 2, blockSize: 2), (3, 2), (6, 6), (11, 7), (1, 1)]

    private func settings(_ limit: (limit: Int, blockSize: Int), _ split: DampingSplit = .traceRatio) -> FactorSettings
    {
        FactorSettings(dampingSplit: split, dimensionLimit: limit.limit, blockSize: limit.blockSize)
    }

    /// 1 where both coordinates are in one block.
    private func mask(_ factor: any FisherFactor) -> Tensor {
        guard let layout = (factor as? BlockDiagonalFactor)?.layout else {
            return Tensor.ones([factor.dimension, factor.dimension], dtype: .float64)
        }
        let sizes = Array(repeating: layout.size, count: layout.count) + (layout.rest == 0 ? [] : [layout.lastSize])
        let owners = (0..<layout.groups).flatMap { group in
            sizes.enumerated().flatMap { Array(repeating: Double(group * sizes.count + $0.offset), count: $0.element) }
        }
        let column = Tensor(owners).expanded(at: 1)
        return (column .== column.transposed()).to(.float64)
    }

    /// The same block with and without a limit.
    private func pair(
        _ name: BlockCase, _ settings: FactorSettings
    ) throws -> (wide: KroneckerBlock, dense: KroneckerBlock) {
        var unlimited = settings
        unlimited.dimensionLimit = 5120
        return (
            try #require(try name.probe(settings: settings)[0] as? KroneckerBlock),
            try #require(try name.probe(settings: unlimited)[0] as? KroneckerBlock)
        )
    }

    @Test(arguments: cases, limits)
    func factorsLackWhatConnectsBlocks(name: BlockCase, limit: (limit: Int, blockSize: Int)) throws {
        let (wide, dense) = try pair(name, settings(limit))
        for (own, other) in [(wide.input, dense.input), (wide.output, dense.output)] {
            let expected = other.average.dense()
            // A single unit with a bias stays as it is.
            let isCut = (other as? InverseProvidingFactor).map { $0.groupDimension > limit.limit + 1 } ?? false
            if isCut { #expect(own is BlockDiagonalFactor) }
            expectClose(own.average.dense(), expected * mask(own), relative: 1e-12, absolute: 1e-13)
            #expect(own.updateCount == 1 && own.dimension == other.dimension)
        }
    }

    /// Curvature and inverse, factored and exactly damped, from the dense matrices without those entries.
    @Test(arguments: cases, limits)
    func curvatureIsThatOfTheBlocks(name: BlockCase, limit: (limit: Int, blockSize: Int)) throws {
        for split in [DampingSplit.traceRatio, .even, .exact] {
            let block = try pair(name, settings(limit, split)).wide
            let damping = 0.07
            let groups = [.grouped, .groupedReduce, .transposedGrouped].contains(name) ? 2 : name == .depthwise ? 4 : 1
            func matrix(_ inputDamping: Double, _ outputDamping: Double) -> Tensor {
                let input = block.input.average.dense()
                let output = block.output.average.dense()
                let a = input + Tensor.identity(input.shape[0], dtype: .float64) * inputDamping
                let g = output + Tensor.identity(output.shape[0], dtype: .float64) * outputDamping
                let (left, right) = block.order == .outputsFirst ? (g, a) : (a, g)
                let (m, n) = (left.shape[0] / groups, right.shape[0] / groups)
                let products = (0..<groups).map { group -> any SymmetricOperator in
                    let own = left[(group * m)..<((group + 1) * m), (group * m)..<((group + 1) * m)]
                    let other = right[(group * n)..<((group + 1) * n), (group * n)..<((group + 1) * n)]
                    return DenseOperator(kroneckerProduct(own, other) * block.locationCount.value)
                }
                return DirectSumOperator(products).dense()
            }
            let undamped = matrix(0, 0)
            expectClose(try block.curvature(damping: 0).dense(), undamped, relative: 1e-11, absolute: 1e-12)
            let shares = block.split(damping)
            let damped =
                split == .exact
                ? undamped + Tensor.identity(undamped.shape[0], dtype: .float64) * damping
                : matrix(shares.input, shares.output)
            expectClose(try block.curvature(damping: damping).dense(), damped, relative: 1e-11, absolute: 1e-12)
            let x = randomTensor([damped.shape[0], 2], seed: 3)
            let solution = try damped.solve(x)
            for applications in [1, Int.max] {
                let inverse = try block.inverseCurvature(damping: damping, applications: applications)
                expectClose(inverse.apply(x), solution, relative: 1e-9, absolute: 1e-9)
            }
            expectClose(try block.inverseUpdate(damping: damping)().apply(x), solution, relative: 1e-9, absolute: 1e-9)
            let diagonal = try block.diagonalInverse(damping: damping).dense()
            expectClose(diagonal, diagonal.diagonal().diagonalMatrix(), relative: 0)
        }
    }

    /// All that an operator can do, against the dense matrix.
    @Test(arguments: [BlockCase.linear, .convolution, .grouped, .transposedGrouped], [true, false])
    func operatorsAgree(name: BlockCase, isExact: Bool) throws {
        let block = try pair(name, settings((3, 2), isExact ? .exact : .traceRatio)).wide
        let curvature = try block.curvature(damping: 0.05)
        let dense = DenseOperator(curvature.dense())
        let x = randomTensor([dense.dimension, 3], seed: 20)
        func expect(_ value: Tensor, _ expected: Tensor) {
            expectClose(value, expected, relative: 1e-8, absolute: 1e-9)
        }
        for exponent in [-1, 0.5, -0.5, 2] {
            expect(try curvature.power(exponent).apply(x), try dense.power(exponent).apply(x))
        }
        let factor = try curvature.choleskyFactor()
        expect(factor.apply(factor.applyTransposed(x)), dense.apply(x))
        expect(try factor.solveTransposed(try factor.solve(x)), try dense.inverse().apply(x))
        #expect((curvature.trace() - dense.trace()).magnitude < 1e-9)
        #expect((try curvature.logDeterminant() - dense.logDeterminant()).magnitude < 1e-8)
    }

    /// A layer whose curvature has no entries between blocks gets the exact inverse.
    @Test func blockDiagonalCurvatureIsExact() throws {
        // Each example sees the units of one block only.
        let values = randomTensor([12, 3], seed: 1)
        let x = Tensor.zeros([12, 6], dtype: .float64)
        x[0..<6, 0..<3].assign(values[0..<6])
        x[6..<12, 3..<6].assign(values[6..<12])
        let layer = TestLayer([1, 6], hasBias: false, seed: 2)
        let probe = try CurvatureProbe(
            layer.named("layer"), settings: FactorSettings(dimensionLimit: 5, blockSize: 3)
        ) {
            Loss(Normal(mean: layer(x)), targets: Tensor.zeros([12, 1], dtype: .float64))
        }
        #expect((probe[0] as? KroneckerBlock)?.input is BlockDiagonalFactor)
        let fisher = x.transposed().matmul(x) / 12
        expectClose(try probe[0].denseMatrix(), fisher, relative: 1e-12, absolute: 1e-14)
        expectClose(
            try probe[0].inverseCurvature(damping: 0).dense(), try fisher.inverse(), relative: 1e-9, absolute: 1e-10)
    }

    /// Averages over batches and several sources, restarts and restores.
    @Test func averagesMoveAsDenseOnesDo() throws {
        let settings = FactorSettings(dimensionLimit: 5, blockSize: 2)
        let layout = try #require(BlockLayout(units: 7, hasBias: true, settings: settings))
        func make() -> BlockDiagonalFactor {
            BlockDiagonalFactor(layout, settings: settings, dtype: .float64, device: .cpu)
        }
        let factor = make()
        let dense = FullyConnectedKroneckerFactor(features: 7, hasBias: true, dtype: .float64)
        for batch in 0..<3 {
            let sources = (0..<2).map { randomTensor([4, 7], seed: UInt64(10 * batch + $0)) }
            factor.update(rows: sources.map { [Rows.last(of: $0)] }, decay: 0.8, weight: 4)
            dense.update(sources, decay: 0.8, weight: 4)
        }
        let expected = dense.covariance * mask(factor)
        expectClose(factor.average.dense(), expected, relative: 1e-12)
        let copy = make()
        var snapshot = Snapshot()
        factor.save(to: &snapshot)
        let reader = SnapshotReader(snapshot, of: "the factor")
        copy.restore(from: reader)
        try reader.finish()
        expectClose(copy.average.dense(), factor.average.dense(), relative: 0)
        #expect(copy.updateCount == 3)
        copy.restart()
        #expect(copy.average.trace() == 0)
        expectClose(
            try factor.inverseOperator(damping: 0.1).dense(),
            try (expected + Tensor.identity(8, dtype: .float64) * 0.1).inverse(), relative: 1e-9, absolute: 1e-11)
    }
}
