import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Structured operators against the dense matrix that they stand for.
@Suite struct StructuredOperatorTests {
    static func dense(_ size: Int, seed: UInt64) -> DenseOperator {
        DenseOperator(randomPositiveDefinite(size, seed: seed))
    }

    static let operators: [String: any SymmetricOperator] = {
        let grouped = GroupedOperator(blocks: randomPositiveDefinite(3, batch: [4], seed: 1))
        let other = GroupedOperator(blocks: randomPositiveDefinite(2, batch: [4], seed: 2))
        let diagonal = DiagonalOperator(randomTensor([3], seed: 3, in: 0.5..<2))
        let entries = randomPositiveDefinite(2, batch: [5], seed: 4)
        return [
            "grouped": grouped,
            "grouped Kronecker": GroupedKroneckerOperator(grouped, other),
            "direct sum": DirectSumOperator([dense(2, seed: 5), diagonal, grouped]),
            "Kronecker of sums": KroneckerOperator(
                DirectSumOperator([dense(2, seed: 5), diagonal]),
                DirectSumOperator([dense(1, seed: 6), dense(2, seed: 7)])),
            "repeated": RepeatedOperator(dense(3, seed: 6), count: 4),
            "rank one": RankOneUpdateOperator(dense(4, seed: 7), vector: randomTensor([4], seed: 8), weight: 0.7),
            "unitwise": UnitwiseOperator(
                first: entries[.all, 0, 0], mixed: entries[.all, 0, 1], second: entries[.all, 1, 1]),
            "equal eigenvalues": UnitwiseOperator(
                first: Tensor([2.0, 3]), mixed: Tensor([0.0, 0]), second: Tensor([2.0, 1])),
        ]
    }()
    static let names = operators.keys.sorted()

    @Test(arguments: names) func agreesWithTheDenseMatrix(_ name: String) throws {
        let structured = try #require(Self.operators[name])
        let matrix = structured.dense()
        let n = structured.dimension
        #expect(matrix.shape == [n, n])
        #expect(structured.rowCount == n && structured.columnCount == n)
        let reference = DenseOperator(matrix)
        let x = randomTensor([n, 3], seed: 11)
        func expectSame(_ a: Tensor, _ b: Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
            expectClose(a, b, relative: 1e-9, absolute: 1e-10, name, sourceLocation: sourceLocation)
        }
        expectSame(matrix, matrix.transposed())
        expectSame(structured.apply(x), matrix.matmul(x))
        expectSame(structured.applyTransposed(x), matrix.matmul(x))
        expectSame(try structured.damped(by: 0.3).dense(), try reference.damped(by: 0.3).dense())
        expectSame(structured.scaled(by: 2.5).dense(), matrix * 2.5)
        expectSame(try structured.inverse().dense(), try matrix.inverse())
        expectSame(try structured.inverse().apply(x), try matrix.solve(x))
        for exponent in [-1, -0.5, 0, 0.5, 1, 2] {
            expectSame(try structured.power(exponent).dense(), try reference.power(exponent).dense())
        }
        #expect((structured.trace() - reference.trace()).magnitude < 1e-10)
        #expect(try (structured.logDeterminant() - reference.logDeterminant()).magnitude < 1e-9)

        let factor = try structured.choleskyFactor()
        let lower = factor.dense()
        #expect(factor.rowCount == n && factor.columnCount == n)
        expectSame(lower, try matrix.cholesky())
        expectSame(factor.apply(x), lower.matmul(x))
        expectSame(factor.applyTransposed(x), lower.transposed().matmul(x))
        expectSame(try factor.solve(x), try lower.solve(x))
        expectSame(try factor.solveTransposed(x), try lower.transposed().solve(x))
    }

    /// Exact damping keeps the factors' structure, and is that of the dense product.
    @Test func exactDampingOfStructuredProducts() throws {
        let sum = DirectSumOperator([
            Self.dense(2, seed: 1), DiagonalOperator(Tensor([0.7, 0.2])),
            DirectSumOperator([GroupedOperator(blocks: randomPositiveDefinite(2, batch: [2], seed: 2))]),
        ])
        let grouped = GroupedOperator(blocks: randomPositiveDefinite(2, batch: [2], seed: 3))
        let diagonal = DiagonalOperator(Tensor([0.5, 2, 0.1]))
        for (left, right) in [(sum, grouped), (grouped, sum), (diagonal, sum), (sum, diagonal)]
            as [(any SymmetricOperator, any SymmetricOperator)]
        {
            let product = KroneckerOperator(left, right)
            let damped = try #require(try product.damped(by: 0.4) as? KroneckerEigenOperator)
            let expected = try DenseOperator(product.dense()).damped(by: 0.4)
            let x = randomTensor([product.dimension, 2], seed: 4)
            expectClose(damped.dense(), expected.dense(), relative: 1e-12, absolute: 1e-13)
            expectClose(damped.apply(x), expected.apply(x), relative: 1e-12, absolute: 1e-13)
            expectClose(
                try damped.inverse().apply(x), try expected.inverse().apply(x), relative: 1e-10, absolute: 1e-11)
            #expect(damped.isFinite)
            expectClose(damped.converted(to: .float32).dense().to(.float64), damped.dense(), relative: 1e-5)
            // Structures are not lost: no basis is larger than its blocks.
            for (basis, structure) in [(damped.left, left), (damped.right, right)] where structure is DiagonalOperator {
                guard case .identity = basis else {
                    Issue.record("a diagonal matrix needs no basis")
                    continue
                }
            }
            var snapshot = Snapshot()
            snapshot.set("matrix", damped)
            let reader = SnapshotReader(snapshot, of: "the test")
            let restored = try #require(reader.operation("matrix", dimension: damped.dimension, like: x))
            try reader.finish()
            #expect(restored.apply(x).array(of: Double.self) == damped.apply(x).array(of: Double.self))
        }
    }

    @Test func partsOfSums() throws {
        let first = Self.dense(2, seed: 1)
        let sum = DirectSumOperator([first, DiagonalOperator(Tensor([0.7, 9]))])
        #expect(sum.eigenvalueBound() == 9)
        #expect(sum.mixesElements && !DirectSumOperator([DiagonalOperator(Tensor([1.0]))]).mixesElements)
        expectClose(sum.diagonalPart().dense(), sum.dense().diagonal().diagonalMatrix(), relative: 0)
        #expect(sum.isFinite && !DirectSumOperator([first, DiagonalOperator(Tensor([Double.nan]))]).isFinite)
        #expect(!DirectSumOperator([DenseOperator(Tensor([1, .infinity, .infinity, 1.0], shape: [2, 2]))]).isFinite)
        let inverse = try DirectSumOperator([Self.dense(4, seed: 2), first]).dampedInverse(0.1, vectorCount: 3)
        let blocks = try #require(inverse as? DirectSumOperator).blocks
        #expect(blocks[0] is CholeskyInverseOperator && blocks[1] is DenseOperator)
    }

    @Test func rankOneUpdateOfASingularBase() throws {
        let base = DirectSumOperator([Self.dense(2, seed: 1), DiagonalOperator(Tensor([0.0]))])
        let updated = RankOneUpdateOperator(base, vector: Tensor([0.3, -0.2, 1.0]))
        expectClose(try updated.inverse().dense(), try updated.dense().inverse(), relative: 1e-9, absolute: 1e-11)
        // A base's curvature taken away again is no curvature.
        let removed = RankOneUpdateOperator(Self.dense(3, seed: 2), vector: Tensor([5.0, 0, 0]), weight: -1)
        #expect(throws: LinearAlgebraError.self) { try removed.inverse() }
    }

    @Test func indefiniteUnitsAreErrors() {
        let indefinite = UnitwiseOperator(
            first: Tensor([1.0, 1]), mixed: Tensor([0.0, 2]), second: Tensor([1.0, 1]))
        #expect(throws: LinearAlgebraError.self) { try indefinite.inverse() }
        #expect(throws: LinearAlgebraError.self) { try indefinite.choleskyFactor() }
        #expect(throws: LinearAlgebraError.self) { try indefinite.power(-0.5) }
    }
}
