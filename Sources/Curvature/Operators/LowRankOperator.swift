public import Torch

/// A multiple of the identity and a matrix of low rank: damping · I + U Uᵀ.
///
/// Products, inverses and powers cost O(n r) and O(n r²), for r columns of U, instead of O(n²) and O(n³).
public struct LowRankOperator: SymmetricOperator {
    /// U, [n, r].
    public let columns: Tensor
    /// The factor of the identity.
    public let damping: Double

    /// Creates an operator from the columns of U.
    public init(columns: Tensor, damping: Double = 0) {
        guard columns.rank == 2 else {
            fatalError("LowRankOperator: columns of shape \(columns.shape); [dimension, rank] is needed")
        }
        self.columns = columns
        self.damping = damping
    }

    public var dimension: Int { columns.shape[0] }

    public func apply(_ x: Tensor) -> Tensor {
        columns.matmul(columns.transposed().matmul(x)) + x * damping
    }

    public func dense() -> Tensor {
        let dense = columns.matmul(columns.transposed())
        dense.diagonal().add(inPlace: damping)
        return dense
    }

    public func damped(by more: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        LowRankOperator(columns: columns, damping: damping + more)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator {
        LowRankOperator(columns: columns * scale.squareRoot(), damping: damping * scale)
    }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    /// In the space of U's columns the eigenvalues are σ² + damping, outside of it damping.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let (basis, outside, inside) = try spectrum(exponent)
        return ShiftedProjection(basis: basis, outside: outside, inside: inside)
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try dense().cholesky())
    }

    public func trace() -> Double { columns.squared().sum().scalar + damping * Double(dimension) }

    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        let gram = columns.transposed().matmul(columns) / damping
        gram.diagonal().add(inPlace: 1)
        let inside = 2 * (try gram.cholesky()).diagonal().log().sum().scalar
        return inside + Double(dimension) * Tensor(damping).log().scalar
    }

    private func spectrum(_ exponent: Double) throws(LinearAlgebraError) -> (Tensor, Double, Tensor) {
        let (basis, singular, _) = try columns.singularValues()
        let inside = try (singular.squared() + damping).checkedPower(exponent)
        let spansAll = basis.shape[1] == dimension
        let outside = spansAll ? 0 : try Tensor([damping]).checkedPower(exponent).scalar
        return (basis, outside, inside)
    }
}

extension LowRankOperator {
    public static var kind: String { "lowRank" }

    public var parts: [Tensor] { [columns] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        LowRankOperator(columns: change(columns), damping: damping)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("columns", columns)
        snapshot.set("damping", damping)
    }
}

extension LowRankOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> LowRankOperator? {
        guard let columns = reader.tensor("columns", rank: 2), let damping = reader.number("damping") else {
            return nil
        }
        return LowRankOperator(columns: columns, damping: damping)
    }
}

/// outside · (I − Q Qᵀ) + Q diag(inside) Qᵀ, for orthonormal columns Q.
struct ShiftedProjection: SymmetricOperator {
    let basis: Tensor
    let outside: Double
    let inside: Tensor

    var dimension: Int { basis.shape[0] }

    private func mapped(outside: Double, inside: Tensor) -> ShiftedProjection {
        ShiftedProjection(basis: basis, outside: outside, inside: inside)
    }

    func apply(_ x: Tensor) -> Tensor {
        basis.matmul(basis.transposed().matmul(x) * (inside - outside).expanded(at: 1)) + x * outside
    }

    func dense() -> Tensor { apply(Tensor.identity(dimension, dtype: basis.dtype, device: basis.device)) }

    func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        mapped(outside: outside + damping, inside: inside + damping)
    }

    func scaled(by scale: Double) -> any SymmetricOperator { mapped(outside: outside * scale, inside: inside * scale) }

    func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let spansAll = basis.shape[1] == dimension
        return mapped(
            outside: spansAll ? 0 : try Tensor([outside]).checkedPower(exponent).scalar,
            inside: try inside.checkedPower(exponent))
    }

    func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        TriangularOperator(lower: try dense().cholesky())
    }

    func trace() -> Double { outside * Double(dimension - inside.count) + inside.sum().scalar }

    func logDeterminant() throws(LinearAlgebraError) -> Double {
        let rest = dimension - inside.count
        return inside.log().sum().scalar + (rest == 0 ? 0 : Double(rest) * Tensor(outside).log().scalar)
    }
}

extension ShiftedProjection {
    static var kind: String { "projection" }

    var parts: [Tensor] { [basis, inside] }

    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        ShiftedProjection(basis: change(basis), outside: outside, inside: change(inside))
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("basis", basis)
        snapshot.set("outside", outside)
        snapshot.set("inside", inside)
    }
}

extension ShiftedProjection: StoredOperator {
    static func restored(from reader: OperatorReader) -> ShiftedProjection? {
        guard let basis = reader.tensor("basis", rank: 2), let outside = reader.number("outside"),
            let inside = reader.tensor("inside", rank: 1)
        else { return nil }
        return reader.made(basis.shape[1] == inside.count) {
            ShiftedProjection(basis: basis, outside: outside, inside: inside)
        }
    }
}
