import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Every structure of a symmetric operator against its own dense matrix.
@Suite struct OperatorTests {
    enum Structure: String, CaseIterable {
        case dense, choleskyInverse, eigen, diagonal, kronecker, kroneckerEigen, lowRank, lowRankWide, lowRankPower

        func make() throws -> any SymmetricOperator {
            let a = DenseOperator(randomPositiveDefinite(4, seed: 1))
            let b = DenseOperator(randomPositiveDefinite(3, seed: 2))
            let diagonal = DiagonalOperator(randomTensor([3], seed: 3, in: 0.5..<2))
            let lowRank = LowRankOperator(columns: randomTensor([6, 2], seed: 4), damping: 0.3)
            return switch self {
            case .dense: a
            case .choleskyInverse: CholeskyInverseOperator(lower: try a.matrix.cholesky(), scale: 1.5)
            case .eigen: try EigenOperator(diagonalizing: a)
            case .diagonal: diagonal
            case .kronecker: KroneckerOperator(a, diagonal)
            case .kroneckerEigen: try KroneckerEigenOperator(diagonalizing: KroneckerOperator(a, b))
            case .lowRank: lowRank
            case .lowRankWide: LowRankOperator(columns: randomTensor([3, 5], seed: 5), damping: 0.3)
            case .lowRankPower: try lowRank.power(0.5)
            }
        }
    }

    private func expectSame(_ a: any LinearOperator, _ b: Tensor, _ what: String) {
        expectClose(a.dense(), b, relative: 1e-10, absolute: 1e-11, what)
    }

    @Test(arguments: Structure.allCases) func agreesWithItsDenseMatrix(structure: Structure) throws {
        let structured = try structure.make()
        let n = structured.dimension
        let dense = structured.dense()
        let plain = DenseOperator(dense)
        let x = randomTensor([n, 2], seed: 9)
        let identity = Tensor.identity(n, dtype: .float64)

        expectClose(structured.apply(x), dense.matmul(x), relative: 1e-10, absolute: 1e-11, "apply")
        expectClose(structured.applyTransposed(x), dense.matmul(x), relative: 1e-10, absolute: 1e-11, "transposed")
        expectSame(try structured.damped(by: 0.7), dense + identity * 0.7, "damped")
        expectSame(structured.scaled(by: 2.5), dense * 2.5, "scaled")
        expectSame(try structured.inverse(), try dense.inverse(), "inverse")
        for exponent in [-1.0, -0.5, 0, 0.25, 2] {
            let power = try structured.power(exponent)
            expectSame(power, try plain.power(exponent).dense(), "power \(exponent)")
            expectClose(power.apply(x), power.dense().matmul(x), relative: 1e-10, absolute: 1e-11, "power applied")
        }
        #expect(abs(structured.trace() - dense.trace().scalar) < 1e-10)
        #expect(abs(try structured.logDeterminant() - plain.logDeterminant()) < 1e-10)

        let factor = try structured.choleskyFactor()
        let lower = factor.dense()
        expectClose(lower.matmul(lower.transposed()), dense, relative: 1e-10, absolute: 1e-11, "L Lᵀ")
        expectClose(factor.apply(x), lower.matmul(x), relative: 1e-10, absolute: 1e-11, "L x")
        expectClose(factor.applyTransposed(x), lower.transposed().matmul(x), relative: 1e-10, absolute: 1e-11, "Lᵀ x")
        expectClose(try factor.solve(factor.apply(x)), x, relative: 1e-9, absolute: 1e-10, "L⁻¹ L x")
        expectClose(
            try factor.solveTransposed(factor.applyTransposed(x)), x, relative: 1e-9, absolute: 1e-10, "L⁻ᵀ Lᵀ x")
    }

    /// An inverse for few vectors is applied by solving; with which of the two cannot be told from the results.
    @Test(arguments: [DType.float64, .float32], [(1, true), (40, true), (41, false), (Int.max, false)])
    func inversesForFewVectors(dtype: DType, case: (count: Int, solves: Bool)) throws {
        let matrix = randomPositiveDefinite(40, seed: 6)
        let operation = DenseOperator(matrix.to(dtype))
        let inverse = try operation.dampedInverse(0.3, vectorCount: `case`.count)
        #expect((inverse is CholeskyInverseOperator) == `case`.solves)
        let expected = try (matrix + Tensor.identity(40, dtype: .float64) * 0.3).inverse()
        let tolerance = dtype == .float64 ? 1e-10 : 1e-4
        for count in [1, 2, 7, 130] {
            let x = randomTensor([40, count], seed: 7)
            for layout in [x, x.transposed().copy().transposed(), randomTensor([2, 40, count], seed: 8)[1]] {
                expectClose(
                    inverse.apply(layout.to(dtype)).to(.float64), expected.matmul(layout), relative: tolerance,
                    absolute: tolerance, "\(count) vectors")
            }
        }
    }

    @Test func exactDampingOfAProduct() throws {
        let product = KroneckerOperator(
            DenseOperator(randomPositiveDefinite(3, seed: 1)), DenseOperator(randomPositiveDefinite(2, seed: 2)))
        expectSame(
            try product.damped(by: 0.4).inverse(),
            try (product.dense() + Tensor.identity(6, dtype: .float64) * 0.4).inverse(), "exact damping")
    }

    @Test func singularMatricesHaveNoInverse() throws {
        #expect(throws: LinearAlgebraError.self) {
            try LowRankOperator(columns: randomTensor([4, 2], seed: 1)).inverse()
        }
        #expect(throws: LinearAlgebraError.self) { try DiagonalOperator(Tensor([1.0, 0])).power(-0.5) }
    }
}
