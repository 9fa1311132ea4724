public import Torch

/// A symmetric positive semi-definite matrix known by its structure: dense, diagonal, a Kronecker product, low rank.
///
/// Operators are values: what they are made of is not written after they are made. Everything that needs the matrix to
/// be positive-definite throws ``/Torch/LinearAlgebraError`` where it is not.
public protocol SymmetricOperator: LinearOperator {
    /// The number of rows and columns.
    var dimension: Int { get }

    /// The matrix plus damping · I, in the same structure where that is possible.
    func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The matrix times a positive number.
    func scaled(by scale: Double) -> any SymmetricOperator

    /// The inverse.
    func inverse() throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of ``damped(by:)``, without keeping that.
    func dampedInverse(_ damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The inverse of ``damped(by:)`` in the form that is the cheapest for so many vectors.
    func dampedInverse(_ damping: Double, vectorCount: Int) throws(LinearAlgebraError) -> any SymmetricOperator

    /// The real power, by eigenvalues; those below zero, which are due to rounding, count as zero.
    func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator

    /// A matrix L with L Lᵀ = self, lower-triangular where the structure has an order.
    func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator

    /// The sum of the diagonal.
    func trace() -> Double

    /// The logarithm of the determinant; of a singular matrix −∞ or an error.
    func logDeterminant() throws(LinearAlgebraError) -> Double

    /// The tensors that the operator consists of, in a fixed order; all entries by default.
    var parts: [Tensor] { get }

    /// The same operator with each of its ``parts`` replaced by what `change` makes of it, in the same shape; a
    /// ``DenseOperator`` by default.
    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator

    /// The diagonal, without what rounding made negative, in a form that has the operator's groups.
    func diagonalPart() -> any SymmetricOperator

    /// An upper bound of the greatest eigenvalue: at most √dimension times too great where the entries are at hand,
    /// else the trace.
    func eigenvalueBound() -> Double

    /// Whether inverting mixes elements, so that rounding of the great ones reaches the small ones; true by default.
    var mixesElements: Bool { get }

    /// The name of this type of operators in snapshots: a part of the names of their tensors.
    ///
    /// A type with a kind of its own stands in `StoredOperators`. By default that of ``DenseOperator``.
    static var kind: String { get }

    /// Stores the operator, so that its products stay the same to the last bit; all entries by default.
    func save(to snapshot: inout Snapshot)
}

extension SymmetricOperator {
    public var rowCount: Int { dimension }
    public var columnCount: Int { dimension }

    /// The same as ``LinearOperator/apply(_:)``, as the matrix is symmetric.
    public func applyTransposed(_ x: Tensor) -> Tensor { apply(x) }

    /// The inverse of the damped matrix.
    public func dampedInverse(_ damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try damped(by: damping).inverse()
    }

    /// The inverse of the damped matrix, in the same form for any number of vectors.
    public func dampedInverse(
        _ damping: Double, vectorCount: Int
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        try dampedInverse(damping)
    }

    public var parts: [Tensor] { [dense()] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator { DenseOperator(change(dense())) }

    public func diagonalPart() -> any SymmetricOperator {
        DiagonalOperator(dense().diagonal().copy().clamped(atLeast: 0))
    }

    public func eigenvalueBound() -> Double { trace() }

    public var mixesElements: Bool { true }

    public static var kind: String { DenseOperator.kind }

    public func save(to snapshot: inout Snapshot) { snapshot.set("matrix", dense()) }

    /// Whether all that the operator consists of is finite: one sum over each part, and one wait for the device.
    public var isFinite: Bool {
        let sums = parts.map { $0.sum().to(.float64) }
        guard let first = sums.first else { return true }
        // An infinite or NaN element stays so in the sum.
        return sums.dropFirst().reduce(first, +).scalar.isFinite
    }

    /// The same matrix with elements of another type.
    public func converted(to dtype: DType) -> any SymmetricOperator { mapping { $0.to(dtype) } }
}
