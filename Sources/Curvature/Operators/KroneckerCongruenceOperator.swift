import Torch

/// A matrix that is diagonal in a Kronecker product of any two bases: (B ⊗ D) diag(values) (B ⊗ D)ᵀ.
///
/// Other than in ``KroneckerEigenOperator``, the bases need not be orthonormal.
struct KroneckerCongruenceOperator: ClosedFormOperator {
    /// A square matrix whose columns are the basis.
    enum Basis: Sendable {
        /// [n, n].
        case dense(Tensor)
        /// The diagonal, [n].
        case diagonal(Tensor)

        /// The matrix, or its transpose, times x, [n, count].
        func apply(_ x: Tensor, transposed: Bool) -> Tensor {
            switch self {
            case .dense(let basis): (transposed ? basis.transposed() : basis).matmul(x)
            case .diagonal(let entries): entries.expanded(at: 1) * x
            }
        }

        var tensor: Tensor {
            switch self {
            case .dense(let tensor), .diagonal(let tensor): tensor
            }
        }

        func mapping(_ change: (Tensor) -> Tensor) -> Basis {
            switch self {
            case .dense(let tensor): .dense(change(tensor))
            case .diagonal(let tensor): .diagonal(change(tensor))
            }
        }
    }

    /// B, of [m, m].
    let left: Basis
    /// D, of [n, n].
    let right: Basis
    /// [m, n].
    let values: Tensor

    var dimension: Int { values.count }
    var prototype: Tensor { values }

    func apply(_ x: Tensor) -> Tensor {
        let shape = (values.shape[0], values.shape[1])
        let inBasis = kroneckerApply(
            x, left: { left.apply($0, transposed: true) }, right: { right.apply($0, transposed: true) }, from: shape)
        return kroneckerApply(
            inBasis * values.reshaped([-1, 1]), left: { left.apply($0, transposed: false) },
            right: { right.apply($0, transposed: false) }, from: shape)
    }

    func scaled(by scale: Double) -> any SymmetricOperator {
        KroneckerCongruenceOperator(left: left, right: right, values: values * scale)
    }
}

extension KroneckerCongruenceOperator {
    static var kind: String { "congruence" }

    var parts: [Tensor] { [left.tensor, right.tensor, values] }

    func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        KroneckerCongruenceOperator(left: left.mapping(change), right: right.mapping(change), values: change(values))
    }

    func save(to snapshot: inout Snapshot) {
        snapshot.set("left", left.tensor)
        snapshot.set("right", right.tensor)
        snapshot.set("values", values)
    }
}

extension KroneckerCongruenceOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> KroneckerCongruenceOperator? {
        guard let values = reader.tensor("values", rank: 2), let left = reader.tensor("left"),
            let right = reader.tensor("right")
        else { return nil }
        func basis(_ tensor: Tensor, _ extent: Int) -> Basis? {
            tensor.shape == [extent] ? .diagonal(tensor) : tensor.shape == [extent, extent] ? .dense(tensor) : nil
        }
        let bases = (basis(left, values.shape[0]), basis(right, values.shape[1]))
        return reader.made(bases.0 != nil && bases.1 != nil) {
            KroneckerCongruenceOperator(left: bases.0!, right: bases.1!, values: values)
        }
    }
}
