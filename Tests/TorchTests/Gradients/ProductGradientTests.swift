import TestSupport
import Testing
import Torch

@Suite("Gradients of products and of linear algebra")
struct ProductGradientTests {
    static let products: [GradientCase] = [
        GradientCase("matmul", [2, 3], [3, 4]) { $0[0].matmul($0[1]) },
        GradientCase("matmul with a vector", [2, 3], [3]) { $0[0].matmul($0[1]) },
        GradientCase("matmul of vectors", [3], [3]) { $0[0].matmul($0[1]) },
        GradientCase("matmul of batches", [2, 2, 3], [2, 3, 2]) { $0[0].matmul($0[1]) },
        GradientCase("matmul with a broadcast batch", [2, 1, 2, 3], [3, 3, 2]) { $0[0].matmul($0[1]) },
        GradientCase("matmul of views", [3, 2], [4, 3]) { $0[0].transposed().matmul($0[1].transposed()) },
        GradientCase("adding productOf", [2, 4], [2, 3], [3, 4]) {
            $0[0].adding(productOf: $0[1], $0[2], beta: 0.5, alpha: 2)
        },
        GradientCase("adding productOf, batches", [2, 2, 2], [2, 2, 3], [2, 3, 2]) {
            $0[0].adding(productOf: $0[1], $0[2], beta: -1, alpha: 0.5).exp()
        },
        GradientCase("einsum matrix product", [2, 3], [3, 2]) { .einsum("ij,jk->ik", $0[0], $0[1]) },
        GradientCase("einsum outer products", [2, 3], [2, 4]) { .einsum("bi,bj->ij", $0[0], $0[1]) },
        GradientCase("einsum of three", [2, 3], [3, 3], [2, 3]) { .einsum("bi,ij,bj->b", $0[0], $0[1], $0[2]) },
        GradientCase("einsum diagonal", [3, 3]) { Tensor.einsum("ii->i", $0[0]).exp() },
        GradientCase("dot", [2, 3], [2, 3]) { $0[0].dot($0[1]) },
        GradientCase("dot with a view of itself", [3, 3]) { $0[0].dot($0[0].transposed()) },
    ]

    @Test(arguments: products) func checkProducts(_ item: GradientCase) { item.check() }

    /// A positive-definite matrix that depends smoothly on any matrix.
    private static func definite(_ x: Tensor) -> Tensor {
        x.matmul(x.transposed()) + Tensor.identity(x.shape[x.rank - 1], dtype: .float64)
    }

    static let algebra: [GradientCase] = [
        GradientCase("cholesky", [3, 3]) { try! definite($0[0]).cholesky() },
        GradientCase("cholesky of a batch", [2, 2, 2]) { try! definite($0[0]).cholesky() },
        GradientCase("choleskyInverse", [3, 3]) { try! definite($0[0]).cholesky().choleskyInverse() },
        GradientCase("choleskySolve", [3, 3], [3, 2]) { try! definite($0[0]).cholesky().choleskySolve($0[1]) },
        GradientCase("solve", [3, 3], [3, 2]) { try! definite($0[0]).solve($0[1]) },
        GradientCase("solve a general matrix", [3, 3], [3]) {
            try! ($0[0] + 3 * Tensor.identity(3, dtype: .float64)).solve($0[1])
        },
        GradientCase("solve a batch", [2, 2, 2], [2, 2, 1]) { try! definite($0[0]).solve($0[1]) },
        GradientCase("solveTriangular, lower", at: [lower, randomTensor([3, 2], seed: 2)]) {
            try! $0[0].solveTriangular($0[1])
        },
        GradientCase("solveTriangular, upper", at: [lower, randomTensor([3, 2], seed: 2)]) {
            try! $0[0].transposed().solveTriangular($0[1], upper: true)
        },
        GradientCase("inverse", [3, 3]) { try! definite($0[0]).inverse() },
        GradientCase("eigenvalues", [3, 3]) { try! definite($0[0]).symmetricEigen().values },
        GradientCase("spectral function", [3, 3]) {
            // The signs of the eigenvectors cancel.
            let (values, vectors) = try! definite($0[0]).symmetricEigen()
            return (vectors * values.log()).matmul(vectors.transposed())
        },
        GradientCase("qr", [3, 3]) {
            let (orthogonal, triangular) = try! definite($0[0]).qr()
            return orthogonal.squared() + triangular.squared()
        },
        GradientCase("singularValues", [3, 2]) { try! $0[0].singularValues().values },
        GradientCase("projection on singular vectors", [3, 2]) {
            let (left, values, right) = try! $0[0].singularValues()
            return (left * values.squared()).matmul(right)
        },
    ]

    private static let lower = randomTensor([3, 3]).lowerTriangle() + 2 * Tensor.identity(3, dtype: .float64)

    @Test(arguments: algebra) func checkAlgebra(_ item: GradientCase) { item.check() }
}
