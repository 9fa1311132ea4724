public import Torch

/// A diagonal matrix.
public struct DiagonalOperator: SymmetricOperator, InvertibleOperator {
    /// The diagonal, [n].
    public let diagonal: Tensor

    /// Creates an operator from its diagonal.
    public init(_ diagonal: Tensor) { self.diagonal = diagonal.flattened() }

    public var dimension: Int { diagonal.count }

    public func apply(_ x: Tensor) -> Tensor {
        x.requireRows(dimension, "DiagonalOperator")
        return x * diagonal.expanded(at: 1)
    }

    public func dense() -> Tensor { diagonal.diagonalMatrix() }

    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        DiagonalOperator(diagonal + damping)
    }

    public func scaled(by scale: Double) -> any SymmetricOperator { DiagonalOperator(diagonal * scale) }

    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator { try power(-1) }

    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        DiagonalOperator(try diagonal.checkedPower(exponent))
    }

    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        DiagonalOperator(try diagonal.checkedPower(0.5))
    }

    public func trace() -> Double { diagonal.sum().scalar }

    public func logDeterminant() throws(LinearAlgebraError) -> Double { diagonal.log().sum().scalar }

    public func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        x * (try diagonal.checkedPower(-1)).expanded(at: 1)
    }

    public func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor { try solve(x) }
}

extension DiagonalOperator {
    public static var kind: String { "diagonal" }

    public var parts: [Tensor] { [diagonal] }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        DiagonalOperator(change(diagonal))
    }

    public func save(to snapshot: inout Snapshot) {
        snapshot.set("entries", diagonal)
    }

    public func diagonalPart() -> any SymmetricOperator { DiagonalOperator(diagonal.clamped(atLeast: 0)) }

    public func eigenvalueBound() -> Double { diagonal.max().scalar }

    public var mixesElements: Bool { false }
}

extension DiagonalOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> DiagonalOperator? {
        reader.tensor("entries", rank: 1).map { DiagonalOperator($0) }
    }
}
