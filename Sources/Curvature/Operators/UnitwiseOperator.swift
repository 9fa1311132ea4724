public import Torch

/// A 2x2 matrix for each of n units: [[a, b], [b, c]] couples element i of a vector with element n + i.
///
/// All of its functions are in closed form. This is the curvature of a normalisation's scales and shifts, unit by unit
/// (Osawa et al. 2019).
public struct UnitwiseOperator: SymmetricOperator {
    /// The upper diagonal entries, [n].
    public let first: Tensor
    /// The entries off the diagonal, [n].
    public let mixed: Tensor
    /// The lower diagonal entries, [n].
    public let second: Tensor

    /// Creates an operator from the entries, [n] each.
    public init(first: Tensor, mixed: Tensor, second: Tensor) {
        guard first.rank == 1, mixed.shape == first.shape, second.shape == first.shape else {
            fatalError("UnitwiseOperator: entries of shapes \(first.shape), \(mixed.shape), \(second.shape)")
        }
        self.first = first
        self.mixed = mixed
        self.second = second
    }

    /// The number of rows and columns.
    public var dimension: Int { 2 * first.count }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor { applyUnitwise((first, mixed), (mixed, second), to: x) }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { unitwiseMatrix((first, mixed), (mixed, second)) }

    /// The matrix plus damping · I.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        UnitwiseOperator(first: first + damping, mixed: mixed, second: second + damping)
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator {
        UnitwiseOperator(first: first * scale, mixed: mixed * scale, second: second * scale)
    }

    /// The inverse; an error where not all of the 2x2 matrices are positive-definite.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        let determinant = first * second - mixed.squared()
        guard !(determinant .<= 0).any(), !(first .<= 0).any() else {
            throw LinearAlgebraError(
                operation: "inverse", shape: [first.count, 2, 2], reason: "not all matrices are positive-definite")
        }
        return UnitwiseOperator(
            first: second / determinant, mixed: -mixed / determinant, second: first / determinant)
    }

    /// With the eigenvalues m ± r, the matrix is m I + r N with N² = I, and so is its power.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let mean = (first + second) / 2
        let difference = (first - second) / 2
        let radius = (difference.squared() + mixed.squared()).squareRoot()
        let greater = try (mean + radius).checkedPower(exponent)
        let lesser = try (mean - radius).checkedPower(exponent)
        let center = (greater + lesser) / 2
        // Where both eigenvalues are one, N does not matter.
        let slope = (greater - lesser) / 2 / Tensor.select(radius .> 0, radius, Tensor.ones(like: radius))
        return UnitwiseOperator(
            first: center + slope * difference, mixed: slope * mixed, second: center - slope * difference)
    }

    /// The lower-triangular factor.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        let rest = second - mixed.squared() / first
        guard !(first .<= 0).any(), !(rest .<= 0).any() else {
            throw LinearAlgebraError(
                operation: "cholesky", shape: [first.count, 2, 2], reason: "not all matrices are positive-definite")
        }
        let root = first.squareRoot()
        return UnitwiseTriangularOperator(first: root, mixed: mixed / root, second: rest.squareRoot())
    }

    /// The sum of the diagonal.
    public func trace() -> Double { (first + second).sum().scalar }

    /// The logarithm of the determinant.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        (first * second - mixed.squared()).log().sum().scalar
    }
}

extension UnitwiseOperator {
    public static var kind: String { "unitwise" }

    public var parts: [Tensor] { [first, mixed, second] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        UnitwiseOperator(first: change(first), mixed: change(mixed), second: change(second))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("first", first)
        snapshot.set("mixed", mixed)
        snapshot.set("second", second)
    }

    public func diagonalPart() -> any SymmetricOperator {
        UnitwiseOperator(
            first: first.clamped(atLeast: 0), mixed: Tensor.zeros(like: mixed), second: second.clamped(atLeast: 0))
    }

    public func eigenvalueBound() -> Double { (Tensor.maximum(first, second) + mixed.abs()).max().scalar }
}

extension UnitwiseOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> UnitwiseOperator? {
        guard let first = reader.tensor("first", rank: 1), let mixed = reader.tensor("mixed", rank: 1),
            let second = reader.tensor("second", rank: 1)
        else { return nil }
        return reader.made(first.shape == mixed.shape && mixed.shape == second.shape) {
            UnitwiseOperator(first: first, mixed: mixed, second: second)
        }
    }
}

/// A lower-triangular 2x2 matrix for each of n units: [[a, 0], [b, c]].
struct UnitwiseTriangularOperator: InvertibleOperator {
    let first: Tensor
    let mixed: Tensor
    let second: Tensor

    var rowCount: Int { 2 * first.count }
    var columnCount: Int { rowCount }

    private var zeros: Tensor { Tensor.zeros(like: mixed) }

    private var inverse: UnitwiseTriangularOperator {
        UnitwiseTriangularOperator(
            first: 1 / first, mixed: -mixed / (first * second), second: 1 / second)
    }

    func apply(_ x: Tensor) -> Tensor { applyUnitwise((first, zeros), (mixed, second), to: x) }

    func applyTransposed(_ x: Tensor) -> Tensor { applyUnitwise((first, mixed), (zeros, second), to: x) }

    func dense() -> Tensor { unitwiseMatrix((first, zeros), (mixed, second)) }

    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor { inverse.apply(x) }

    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor { inverse.applyTransposed(x) }
}

/// 2x2 matrices, row by row, times vectors [2n, count].
private func applyUnitwise(_ top: (Tensor, Tensor), _ bottom: (Tensor, Tensor), to x: Tensor) -> Tensor {
    let n = top.0.count
    let (upper, lower) = (x[0..<n], x[n...])
    func combine(_ row: (Tensor, Tensor)) -> Tensor {
        upper * row.0.expanded(at: 1) + lower * row.1.expanded(at: 1)
    }
    return Tensor.concatenate([combine(top), combine(bottom)])
}

/// The entries of 2x2 matrices for each unit, [2n, 2n].
private func unitwiseMatrix(_ top: (Tensor, Tensor), _ bottom: (Tensor, Tensor)) -> Tensor {
    Tensor.concatenate(
        [top, bottom].map { row in
            Tensor.concatenate([row.0.diagonalMatrix(), row.1.diagonalMatrix()], axis: 1)
        })
}
