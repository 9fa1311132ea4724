public import Torch

/// A block-diagonal matrix of operators of any kind, which act on consecutive parts of a vector.
public struct DirectSumOperator: SymmetricOperator {
    /// The blocks, in the order of the vector's parts.
    public let blocks: [any SymmetricOperator]

    /// Creates an operator from its blocks, at least one.
    public init(_ blocks: [any SymmetricOperator]) {
        guard !blocks.isEmpty else { fatalError("DirectSumOperator: no blocks") }
        self.blocks = blocks
    }

    /// The number of rows and columns.
    public var dimension: Int { blocks.reduce(0) { $0 + $1.dimension } }

    /// The matrix times each vector, [dimension, count].
    public func apply(_ x: Tensor) -> Tensor {
        x.requireRows(dimension, "DirectSumOperator")
        return concatenated(rows(of: x, extents: blocks.map(\.dimension)), blocks) { $0.apply($1) }
    }

    /// Square blocks of any kind, each times its part of the vectors.
    static func apply<Block: LinearOperator>(
        _ blocks: [Block], to x: Tensor, _ body: (Block, Tensor) -> Tensor
    ) -> Tensor {
        concatenated(rows(of: x, extents: blocks.map(\.columnCount)), blocks, body)
    }

    /// The entries, [dimension, dimension].
    public func dense() -> Tensor { Self.dense(blocks) }

    /// The entries of the sum of blocks of any kind.
    static func dense(_ blocks: [any LinearOperator]) -> Tensor { directSum(blocks.map { $0.dense() }) }

    /// The matrix plus damping · I.
    public func damped(by damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try mapped { (block) throws(LinearAlgebraError) in try block.damped(by: damping) }
    }

    /// The matrix times a positive number.
    public func scaled(by scale: Double) -> any SymmetricOperator {
        DirectSumOperator(blocks.map { $0.scaled(by: scale) })
    }

    /// The inverse.
    public func inverse() throws(LinearAlgebraError) -> any SymmetricOperator {
        try mapped { (block) throws(LinearAlgebraError) in try block.inverse() }
    }

    /// The inverse of the damped matrix.
    public func dampedInverse(_ damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try mapped { (block) throws(LinearAlgebraError) in try block.dampedInverse(damping) }
    }

    /// The inverse of the damped matrix, of each block in the form that is the cheapest for so many vectors.
    public func dampedInverse(
        _ damping: Double, vectorCount: Int
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        try mapped { (block) throws(LinearAlgebraError) in
            try block.dampedInverse(damping, vectorCount: vectorCount)
        }
    }

    /// The real power.
    public func power(_ exponent: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try mapped { (block) throws(LinearAlgebraError) in try block.power(exponent) }
    }

    /// A matrix L with L Lᵀ = self.
    public func choleskyFactor() throws(LinearAlgebraError) -> any InvertibleOperator {
        var factors: [any InvertibleOperator] = []
        for block in blocks { factors.append(try block.choleskyFactor()) }
        return DirectSumFactor(blocks: factors)
    }

    /// The sum of the diagonal.
    public func trace() -> Double { blocks.reduce(0) { $0 + $1.trace() } }

    /// The logarithm of the determinant.
    public func logDeterminant() throws(LinearAlgebraError) -> Double {
        var sum = 0.0
        for block in blocks { sum += try block.logDeterminant() }
        return sum
    }

    private func mapped(
        _ transform: (any SymmetricOperator) throws(LinearAlgebraError) -> any SymmetricOperator
    ) throws(LinearAlgebraError) -> any SymmetricOperator {
        var transformed: [any SymmetricOperator] = []
        for block in blocks { transformed.append(try transform(block)) }
        return DirectSumOperator(transformed)
    }
}

extension DirectSumOperator {
    public static var kind: String { "sum" }

    public var parts: [Tensor] { blocks.flatMap(\.parts) }

    public func mapping(_ change: (Tensor) -> Tensor) -> any SymmetricOperator {
        DirectSumOperator(blocks.map { $0.mapping(change) })
    }

    public func save(to snapshot: inout Snapshot) {
        for (index, block) in blocks.enumerated() { snapshot.set("\(index)", block) }
    }

    public func diagonalPart() -> any SymmetricOperator { DirectSumOperator(blocks.map { $0.diagonalPart() }) }

    public func eigenvalueBound() -> Double { blocks.map { $0.eigenvalueBound() }.max() ?? 0 }

    public var mixesElements: Bool { blocks.contains(where: \.mixesElements) }
}

extension DirectSumOperator: StoredOperator {
    static func restored(from reader: OperatorReader) -> DirectSumOperator? {
        let blocks = reader.names.indices.compactMap { reader.operation("\($0)") }
        return reader.made(!blocks.isEmpty && blocks.count == reader.names.count) { DirectSumOperator(blocks) }
    }
}

/// A block-diagonal matrix that can be applied backwards: a factor of a ``DirectSumOperator``.
struct DirectSumFactor: InvertibleOperator {
    let blocks: [any InvertibleOperator]

    var rowCount: Int { blocks.reduce(0) { $0 + $1.rowCount } }
    var columnCount: Int { blocks.reduce(0) { $0 + $1.columnCount } }

    func apply(_ x: Tensor) -> Tensor {
        concatenated(rows(of: x, extents: blocks.map(\.columnCount)), blocks) { $0.apply($1) }
    }

    func applyTransposed(_ x: Tensor) -> Tensor {
        concatenated(rows(of: x, extents: blocks.map(\.rowCount)), blocks) { $0.applyTransposed($1) }
    }

    func dense() -> Tensor { DirectSumOperator.dense(blocks) }

    func solve(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try concatenated(rows(of: x, extents: blocks.map(\.rowCount)), blocks) {
            (block, part) throws(LinearAlgebraError) in try block.solve(part)
        }
    }

    func solveTransposed(_ x: Tensor) throws(LinearAlgebraError) -> Tensor {
        try concatenated(rows(of: x, extents: blocks.map(\.columnCount)), blocks) {
            (block, part) throws(LinearAlgebraError) in try block.solveTransposed(part)
        }
    }
}

/// Consecutive rows of x.
private func rows(of x: Tensor, extents: [Int]) -> [Tensor] {
    var start = 0
    return extents.map { extent in
        defer { start += extent }
        return x[start..<(start + extent)]
    }
}

/// The results of each block for its part, behind one another.
private func concatenated<Block, Failure: Error>(
    _ parts: [Tensor], _ blocks: [Block], _ body: (Block, Tensor) throws(Failure) -> Tensor
) throws(Failure) -> Tensor {
    var results: [Tensor] = []
    for (block, part) in zip(blocks, parts) { results.append(try body(block, part)) }
    return Tensor.concatenate(results)
}

/// Matrices along the diagonal, zeros elsewhere.
private func directSum(_ matrices: [Tensor]) -> Tensor {
    let rows = matrices.reduce(0) { $0 + $1.shape[0] }
    let columns = matrices.reduce(0) { $0 + $1.shape[1] }
    let sum = Tensor.zeros([rows, columns], like: matrices[0])
    var corner = (row: 0, column: 0)
    for matrix in matrices {
        let (m, n) = (matrix.shape[0], matrix.shape[1])
        sum[corner.row..<(corner.row + m), corner.column..<(corner.column + n)].assign(matrix)
        corner = (corner.row + m, corner.column + n)
    }
    return sum
}
