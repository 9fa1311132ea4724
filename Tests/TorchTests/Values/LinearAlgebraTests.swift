import TestSupport
import Testing
import Torch

@Suite("Linear algebra")
struct LinearAlgebraTests {
    static let matrices: [Tensor] = [
        randomPositiveDefinite(1), randomPositiveDefinite(5), randomPositiveDefinite(3, batch: [2]),
        randomPositiveDefinite(4, dtype: .float32), Tensor.zeros([0, 0], dtype: .float64),
        randomPositiveDefinite(6)[.every(2), .every(2)],
    ]

    /// What the type of the matrix allows.
    private func expectNear(_ a: Tensor, _ b: Tensor, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(a.dtype == b.dtype, sourceLocation: sourceLocation)
        let tolerance = a.dtype == .float32 ? 1e-4 : 1e-10
        expectClose(a, b, relative: tolerance, absolute: tolerance, sourceLocation: sourceLocation)
    }

    @Test(arguments: matrices) func factorsMultiplyBack(_ matrix: Tensor) throws {
        let factor = try matrix.cholesky()
        expectNear(factor.matmul(factor.transposed()), matrix)
        expectNear(factor, factor.lowerTriangle())

        let (values, vectors) = try matrix.symmetricEigen()
        expectNear((vectors * values.expanded(at: -2)).matmul(vectors.transposed()), matrix)
        if let last = values.shape.last, last > 1 {
            #expect((values[.ellipsis, 1...] .>= values[.ellipsis, ..<(last - 1)]).all())
        }

        let (orthogonal, triangular) = try matrix.qr()
        expectNear(orthogonal.matmul(triangular), matrix)
        expectNear(triangular, triangular.upperTriangle())

        let (left, singular, right) = try matrix.singularValues()
        expectNear((left * singular.expanded(at: -2)).matmul(right), matrix)
    }

    @Test(arguments: matrices) func solutionsSolve(_ matrix: Tensor) throws {
        let identity = Tensor.identity(matrix.shape.last!, dtype: matrix.dtype).broadcast(to: matrix.shape)
        let right = randomTensor(Array(matrix.shape.dropLast()) + [2], seed: 5, dtype: matrix.dtype)
        let factor = try matrix.cholesky()
        expectNear(matrix.matmul(try factor.choleskyInverse()), identity)
        expectNear(matrix.matmul(try factor.choleskySolve(right)), right)
        expectNear(matrix.matmul(try matrix.solve(right)), right)
        expectNear(matrix.matmul(try matrix.inverse()), identity)
        expectNear(factor.matmul(try factor.solveTriangular(right)), right)
        expectNear(factor.transposed().matmul(try factor.transposed().solveTriangular(right, upper: true)), right)
    }

    @Test(arguments: matrices) func dampedInversesInvert(_ matrix: Tensor) throws {
        let identity = Tensor.identity(matrix.shape.last!, dtype: matrix.dtype).broadcast(to: matrix.shape)
        for damping in [0, 0.3] {
            let before = matrix.copy()
            let inverse = try matrix.dampedInverse(damping)
            expectNear((matrix + identity * damping).matmul(inverse), identity)
            expectClose(inverse, inverse.transposed(), relative: 0, absolute: 0)
            expectClose(matrix, before, relative: 0, absolute: 0)
        }
    }

    /// Sizes around those of panels and tiles, against the plain form.
    @Test(arguments: [2, 16, 31, 127, 128, 129, 300, 577]) func dampedInversesOfAllSizes(n: Int) throws {
        for dtype in [DType.float32, .float64] {
            let matrix = randomPositiveDefinite(n, dtype: dtype)
            let plain = try matrix.to(.float64).cholesky().choleskyInverse()
            let inverse = try matrix.dampedInverse().to(.float64)
            let scale = plain.abs().max().scalar
            let tolerance = dtype == .float32 ? 2e-4 : 1e-11
            expectClose(inverse, plain, relative: 0, absolute: tolerance * scale, "\(n) rows, \(dtype)")
        }
    }

    @Test func dampedInversesThatFailSayWhy() throws {
        let indefinite = Tensor([2.0, 0, 0, 0, -1, 0, 0, 0, 3], shape: [3, 3])
        let error = #expect(throws: LinearAlgebraError.self) { try indefinite.dampedInverse() }
        #expect(error?.description.contains("leading minor of order 2") == true)
        let inverse = try indefinite.dampedInverse(1.5)
        expectClose(inverse.diagonal(), Tensor([1 / 3.5, 2, 1 / 4.5], shape: [3]))
        let several = Tensor.stack([randomPositiveDefinite(3), indefinite])
        let second = #expect(throws: LinearAlgebraError.self) { try several.dampedInverse() }
        #expect(second?.description.contains("matrix 1") == true)
        for poison in [Double.nan, .infinity] {
            let poisoned = randomPositiveDefinite(200)
            poisoned[150, 20].fill(poison)
            poisoned[20, 150].fill(poison)
            #expect(throws: LinearAlgebraError.self) { try poisoned.dampedInverse() }
        }
    }

    @Test func onlyTheLowerTriangleIsRead() throws {
        let matrix = randomPositiveDefinite(4)
        let lower = matrix.lowerTriangle()
        expectClose(try lower.cholesky(), try matrix.cholesky())
        expectClose(try lower.symmetricEigen().values, try matrix.symmetricEigen().values)
    }

    @Test func rectanglesHaveReducedFactors() throws {
        let tall = randomTensor([5, 3])
        let (orthogonal, triangular) = try tall.qr()
        #expect(orthogonal.shape == [5, 3] && triangular.shape == [3, 3])
        let (left, values, right) = try tall.transposed().singularValues()
        #expect(left.shape == [3, 3] && values.shape == [3] && right.shape == [3, 5])
        #expect((values[..<2] .>= values[1...]).all())
    }

    /// A failing operation and the words that its error must hold.
    static let failures: [(String, @Sendable () throws -> Void, [Int])] = [
        ("cholesky", { _ = try Tensor([1.0, 2, 2, 1], shape: [2, 2]).cholesky() }, [2, 2]),
        ("cholesky", { _ = try Tensor.zeros([3, 2, 2]).cholesky() }, [3, 2, 2]),
        ("cholesky", { _ = try Tensor([1.0, 0, 0, .nan], shape: [2, 2]).cholesky() }, [2, 2]),
        ("cholesky", { _ = try Tensor([Double.infinity, 0, 0, 1], shape: [2, 2]).cholesky() }, [2, 2]),
        ("symmetricEigen", { _ = try Tensor([1.0, 0, 0, .nan], shape: [2, 2]).symmetricEigen() }, [2, 2]),
        ("symmetricEigen", { _ = try Tensor([Double.infinity, 0, 0, 1], shape: [2, 2]).symmetricEigen() }, [2, 2]),
        ("singularValues", { _ = try Tensor([1.0, .nan], shape: [1, 2]).singularValues() }, [1, 2]),
        ("singularValues", { _ = try Tensor([1.0, .infinity], shape: [1, 2]).singularValues() }, [1, 2]),
        ("inverse", { _ = try Tensor.ones([2, 2]).inverse() }, [2, 2]),
        ("inverse", { _ = try Tensor.zeros([2, 3, 3]).inverse() }, [2, 3, 3]),
        ("solve", { _ = try Tensor.zeros([2, 2]).solve(Tensor.ones([2, 1])) }, [2, 2]),
    ]

    @Test(arguments: failures)
    func failureOfTheNumbersThrows(_ name: String, _ operation: @Sendable () throws -> Void, _ shape: [Int]) throws {
        let error = try #require(throws: LinearAlgebraError.self, performing: operation)
        #expect(error.operation == name)
        #expect(error.shape == shape)
        #expect("\(error)".hasPrefix("\(name) of a matrix of shape \(shape) failed: "))
        #expect(!error.reason.isEmpty)
    }

    @Test func failureLeavesTheNextOperationAlone() throws {
        let matrix = Tensor.zeros([2, 2])
        #expect(throws: LinearAlgebraError.self) { try matrix.inverse() }
        expectClose(try (matrix + Tensor.identity(2)).inverse(), Tensor.identity(2))
    }
}
