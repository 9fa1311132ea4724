public import Torch

/// A matrix changed by one of rank one: base + weight · v vᵀ.
///
/// Products, inverses and determinants cost those of the base and O(n) more (Sherman & Morrison).
public struct RankOneUpdateOperator: SymmetricOperator {
    /// The matrix that is changed.
    public let base: any SymmetricOperator
    /// v, [n, 1].
    public let vector: Tensor
    /// The factor of v vᵀ; may be negative.
    public let weight: Double

    /// Creates an operator from a base and a vector of `dimension` elements.
    public init(_ base: any SymmetricOperator, vector: Tensor, weight: Double = 1) {
        guard vector.count == base.dimension else {
            fatalError("RankOneUpdateOperator: a vector of shape \(vector.shape) for dimension \(base.dimension)")
        }
        self.base = base
        self.vector = vector.reshaped([-1, 1])
        self.weight = weight
    }

    /// The number of rows and columns.
    public var dimension: Int { base.dimension }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor {
        base.apply(x) + vector.matmul(vector.transposed().matmul(x)) * weight
    }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { base.dense() + vector.matmul(vector.transposed()) * weight }

    /// The matrix plus damping · I.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        RankOneUpdateOperator(try base.damped(by: damping), vector: vector, weight: weight)
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator {
        RankOneUpdateOperator(base.scaled(by: scale), vector: vector, weight: weight * scale)
    }

    /// The inverse, by that of the base; where the base is singular, of the dense matrix.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        guard let inverse = try? base.inverse() else { return try DenseOperator(dense()).inverse() }
        let solution = inverse.apply(vector)
        let gain = 1 + weight * vector.flattened().dot(solution.flattened()).scalar
        guard gain > 0 else {
            throw LinearAlgebraError(
                operation: "inverse of a rank-one update", shape: [dimension, dimension],
                reason: "the matrix is not positive-definite")
        }
        return RankOneUpdateOperator(inverse, vector: solution, weight: -weight / gain)
    }

    /// The power, of the dense matrix but for the exponents 1 and −1.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        switch exponent {
        case 1: self
        case -1: try inverse()
        default: try DenseOperator(dense()).power(exponent)
        }
    }

    /// The lower-triangular factor, of the dense matrix.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        try DenseOperator(dense()).choleskyFactor()
    }

    /// The sum of the diagonal.
    public func trace() -> Double { base.trace() + weight * vector.squared().sum().scalar }

    /// The logarithm of the determinant, of the dense matrix.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        try DenseOperator(dense()).logDeterminant()
    }
}

extension RankOneUpdateOperator {
    public static var kind: String { "rankOne" }

    public var parts: [Tensor] { base.parts + [vector] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        RankOneUpdateOperator(base.mapping(change), vector: change(vector), weight: weight)
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("base", base)
        snapshot.set("vector", vector)
        snapshot.set("weight", weight)
    }
}

extension RankOneUpdateOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> RankOneUpdateOperator? {
        guard let base = reader.operation("base"), let vector = reader.tensor("vector"),
            let weight = reader.number("weight")
        else { return nil }
        return reader.made(vector.count == base.dimension) {
            RankOneUpdateOperator(base, vector: vector, weight: weight)
        }
    }
}
