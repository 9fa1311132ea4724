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

extension KroneckerEigenOperator {
    /// The diagonal of a sum of two products in the eigenbases of its marginals: of the sum of the terms' left factors,
    /// each times the trace of the other one, and likewise on the right.
    init(nearlyDiagonalizing sum: KroneckerSumOperator) throws(LinearAlgebraError) {
        typealias Side = any SymmetricOperator
        func marginal(_ own: (Side, Side), _ other: (Side, Side)) -> Side {
            let weights = (max(0, other.0.trace()), max(0, other.1.trace()))
            if let first = own.0 as? DiagonalOperator, let second = own.1 as? DiagonalOperator {
                return DiagonalOperator(first.diagonal * weights.0 + second.diagonal * weights.1)
            }
            return DenseOperator(own.0.dense() * weights.0 + own.1.dense() * weights.1)
        }
        let (lefts, rights) = ((sum.first.left, sum.second.left), (sum.first.right, sum.second.right))
        let left = try marginal(lefts, rights).eigendecomposition().basis
        let right = try marginal(rights, lefts).eigendecomposition().basis
        func diagonal(_ matrix: Side, _ basis: Eigenbasis) -> Tensor {
            if case .identity = basis { return matrix.dense().diagonal() }
            let vectors = basis.dense()
            return (vectors * matrix.apply(vectors)).sum(0)
        }
        func values(_ product: KroneckerOperator) -> Tensor {
            diagonal(product.left, left).expanded(at: 1) * diagonal(product.right, right).expanded(at: 0)
        }
        self.init(left: left, right: right, values: (values(sum.first) + values(sum.second)).clamped(atLeast: 0))
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
