import TestSupport
import Testing
import Torch

@testable import Curvature

/// Matrices in their eigenbases: coordinates, and what is kept in them when another basis takes the place of one.
@Suite struct EigenbasisOperatorTests {
    enum Structure: CaseIterable {
        case diagonal, dense, kronecker, kroneckerOfDiagonal, kroneckerOfBlocks, groups, sum, twoProducts, grouped

        private func matrix(_ n: Int, _ seed: UInt64) -> Tensor {
            let root = randomTensor([n, n], seed: seed, dtype: .float64)
            return root.matmul(root.transposed())
        }

        private func blocks(_ count: Int, _ n: Int, _ seed: UInt64) -> Tensor {
            Tensor.stack((0..<count).map { matrix(n, seed + 10 * UInt64($0)) })
        }

        /// A matrix of 12 rows.
        func operation(_ seed: UInt64) -> any SymmetricOperator {
            func dense(_ n: Int, _ offset: UInt64) -> DenseOperator { DenseOperator(matrix(n, seed + offset)) }
            switch self {
            case .diagonal: return DiagonalOperator(matrix(12, seed).diagonal().copy())
            case .dense: return dense(12, 0)
            case .kronecker: return KroneckerOperator(dense(3, 0), dense(4, 1))
            case .kroneckerOfDiagonal:
                return KroneckerOperator(DiagonalOperator(matrix(3, seed).diagonal().copy()), dense(4, 1))
            case .kroneckerOfBlocks:
                let sum = DirectSumOperator([dense(1, 0), dense(2, 1)])
                return KroneckerOperator(sum, GroupedOperator(blocks: blocks(2, 2, seed + 2)))
            case .groups:
                return GroupedKroneckerOperator(
                    GroupedOperator(blocks: blocks(2, 3, seed)), GroupedOperator(blocks: blocks(2, 2, seed + 1)))
            case .sum: return DirectSumOperator([KroneckerOperator(dense(2, 0), dense(3, 1)), dense(6, 2)])
            case .twoProducts:
                return KroneckerSumOperator(
                    KroneckerOperator(dense(3, 0), dense(4, 1)), KroneckerOperator(dense(3, 2), dense(4, 3)))
            case .grouped: return GroupedOperator(blocks: blocks(3, 4, seed))
            }
        }
    }

    /// Q, from what the operator does to the coordinate axes.
    private func basis(of operation: any EigenbasisOperator) -> Tensor {
        let axes = Tensor.identity(12, dtype: .float64)
        return Tensor.concatenate((0..<12).map { operation.vectors(at: axes[.all, $0..<($0 + 1)]) }, axis: 1)
    }

    @Test(arguments: Structure.allCases) func basesAreOrthonormalAndDiagonalize(_ structure: Structure) throws {
        let matrix = structure.operation(1)
        let own = try matrix.diagonalized()
        let q = basis(of: own)
        let identity = Tensor.identity(12, dtype: .float64)
        expectClose(q.transposed().matmul(q), identity, relative: 1e-12, absolute: 1e-12)
        let x = randomTensor([12, 1], seed: 5, dtype: .float64)
        expectClose(own.coordinates(of: x), q.transposed().matmul(x), relative: 1e-12, absolute: 1e-12)
        let inBasis = q.transposed().matmul(matrix.dense()).matmul(q)
        // The diagonal is that of the operator itself; of a sum of two products, all that is left beside it is smaller.
        expectClose(
            own.dense(), q.matmul(inBasis.diagonal().diagonalMatrix()).matmul(q.transposed()), relative: 1e-11,
            absolute: 1e-11)
        guard structure != .twoProducts else {
            let before = matrix.dense()
            func rest(_ m: Tensor) -> Double { (m - m.diagonal().diagonalMatrix()).norm().scalar }
            #expect(rest(inBasis) < 0.5 * rest(before))
            return
        }
        expectClose(own.dense(), matrix.dense(), relative: 1e-11, absolute: 1e-11)
    }

    /// v' = (T ∘ T) v with all entries of T = Qᵀ Q'.
    @Test(arguments: Structure.allCases, [false, true])
    func squaresTurnByTheSquaredRotation(_ structure: Structure, alongAxes: Bool) throws {
        let new = try structure.operation(1).diagonalized()
        let old =
            alongAxes
            ? DiagonalOperator(Tensor.ones([12], dtype: .float64)) : try structure.operation(100).diagonalized()
        let v = randomTensor([12, 1], seed: 6, dtype: .float64).squared()
        for (new, old) in [(new, old), (old, new)] {
            let t = basis(of: new).transposed().matmul(basis(of: old))
            let turned = new.squares(v, fromAny: old)
            expectClose(turned, t.squared().matmul(v), relative: 1e-11, absolute: 1e-12)
            expectClose(turned.sum(), v.sum(), relative: 1e-12)
        }
        expectClose(new.squares(v, fromAny: new), v, relative: 1e-10, absolute: 1e-12)
    }

    /// Bases that have nothing in common, as a damaged state may have: the mean, and no trap.
    @Test func basesOfDifferentStructuresShareTheMean() throws {
        let v = randomTensor([12, 1], seed: 6, dtype: .float64).squared()
        for own in Structure.allCases {
            for other in Structure.allCases where own != other {
                let turned = try own.operation(1).diagonalized()
                    .squares(v, fromAny: other.operation(2).diagonalized())
                #expect(turned.shape == [12, 1])
                expectClose(turned.sum(), v.sum(), relative: 1e-12)
            }
        }
    }

    /// Where coordinates are uncorrelated in the old basis, the turned squares are the exact ones in the new one.
    @Test func squaresAreExactForUncorrelatedCoordinates() throws {
        let (old, new) = (
            try Structure.kronecker.operation(1).diagonalized(), try Structure.kronecker.operation(2).diagonalized()
        )
        let squares = randomTensor([12, 1], seed: 7, dtype: .float64).squared()
        let covariance = basis(of: old).matmul(squares.flattened().diagonalMatrix()).matmul(basis(of: old).transposed())
        let exact = basis(of: new).transposed().matmul(covariance).matmul(basis(of: new)).diagonal().expanded(at: 1)
        expectClose(new.squares(squares, fromAny: old), exact, relative: 1e-11)
    }

    @Test(arguments: Structure.allCases) func isStoredInItsStructure(_ structure: Structure) throws {
        let own = try structure.operation(1).diagonalized()
        var snapshot = Snapshot()
        snapshot.set("basis", own)
        let reader = SnapshotReader(snapshot, of: "the test")
        let restored = try #require(
            reader.operation("basis", dimension: 12, like: Tensor.zeros([1], dtype: .float64))
                as? any EigenbasisOperator)
        try reader.finish()
        #expect(type(of: restored) == type(of: own))
        let x = randomTensor([12, 1], seed: 5, dtype: .float64)
        #expect((restored.coordinates(of: x) .== own.coordinates(of: x)).all())
    }
}
