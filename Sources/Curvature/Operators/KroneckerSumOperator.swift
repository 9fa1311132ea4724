import Torch

/// The sum of two Kronecker products, R₁ ⊗ C₁ + R₂ ⊗ C₂: the curvature of a weight that is used in two ways.
///
/// Its inverse is exact. With a basis K of the rows in which K R₁ Kᵀ = I and K R₂ Kᵀ = diag(s), and one of the columns
/// with L C₁ Lᵀ = I and L C₂ Lᵀ = diag(t), the sum is diagonal in K ⊗ L, with the entries 1 + sᵢ tⱼ. That takes a
/// Cholesky factorisation and an eigendecomposition of each side.
struct KroneckerSumOperator: ClosedFormOperator {
    let first: KroneckerOperator
    let second: KroneckerOperator

    init(_ first: KroneckerOperator, _ second: KroneckerOperator) {
        guard first.left.dimension == second.left.dimension, first.right.dimension == second.right.dimension else {
            fatalError(
                "KroneckerSumOperator: products of \(first.left.dimension) x \(first.right.dimension) and "
                    + "\(second.left.dimension) x \(second.right.dimension) dimensions")
        }
        (self.first, self.second) = (first, second)
    }

    var dimension: Int { first.dimension }
    var prototype: Tensor { first.right.dense() }

    func apply(_ x: Tensor) -> Tensor { first.apply(x) + second.apply(x) }

    func dense() -> Tensor { first.dense() + second.dense() }

    func scaled(by scale: Double) -> any SymmetricOperator {
        KroneckerSumOperator(
            KroneckerOperator(first.left.scaled(by: scale), first.right),
            KroneckerOperator(second.left.scaled(by: scale), second.right))
    }

    func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        let rows = try SimultaneousDiagonalization(first.left, second.left)
        let columns = try SimultaneousDiagonalization(first.right, second.right)
        let values = rows.values.expanded(at: 1) * columns.values.expanded(at: 0) + 1
        return KroneckerCongruenceOperator(left: rows.basis, right: columns.basis, values: 1 / values)
    }

    func trace() -> Double { first.trace() + second.trace() }
}

extension KroneckerSumOperator {
    static var kind: String { "kroneckerSum" }

    var parts: [Tensor] { first.parts + second.parts }

    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        func mapped(_ product: KroneckerOperator) -> KroneckerOperator {
            KroneckerOperator(product.left.mapping(change), product.right.mapping(change))
        }
        return KroneckerSumOperator(mapped(first), mapped(second))
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("first", first)
        snapshot.set("second", second)
    }
}

extension KroneckerSumOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> KroneckerSumOperator? {
        guard let first = reader.operation("first") as? KroneckerOperator,
            let second = reader.operation("second") as? KroneckerOperator
        else { return nil }
        return reader.made(
            first.left.dimension == second.left.dimension && first.right.dimension == second.right.dimension
        ) { KroneckerSumOperator(first, second) }
    }
}

/// Two symmetric matrices in a basis B where the first is the identity and the second diagonal: Bᵀ P B = I and
/// Bᵀ Q B = diag(values).
struct SimultaneousDiagonalization {
    let basis: KroneckerCongruenceOperator.Basis
    /// Not negative, [dimension].
    let values: Tensor

    /// Diagonalises a positive-definite matrix P together with a positive semi-definite one.
    init(_ p: any SymmetricOperator, _ q: any SymmetricOperator) throws(LinearAlgebraError) {
        if let p = p as? DiagonalOperator, let q = q as? DiagonalOperator {
            basis = .diagonal(try p.diagonal.checkedPower(-0.5))
            values = (q.diagonal / p.diagonal).clamped(atLeast: 0)
            return
        }
        // P = L Lᵀ; then L⁻¹ Q L⁻ᵀ = U diag(values) Uᵀ and B = L⁻ᵀ U.
        let lower = try DenseOperator(p.dense()).choleskyFactor()
        let half = try lower.solve(q.dense())
        let (values, vectors) = try lower.solve(half.transposed()).symmetricEigen()
        basis = .dense(try lower.solveTransposed(vectors))
        self.values = values.clamped(atLeast: 0)
    }
}
