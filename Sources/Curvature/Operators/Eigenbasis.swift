public import Torch

/// The orthonormal eigenvectors of a symmetric matrix, as columns, in the structure that the matrix has.
public enum Eigenbasis: LinearOperator {
    /// The coordinates themselves, of a diagonal matrix.
    case identity(Tensor)
    /// All entries, [n, n].
    case dense(Tensor)
    /// Blocks of one size along the diagonal, [groups, n, n].
    case grouped(Tensor)
    /// Bases of consecutive parts of a vector.
    indirect case sum([Eigenbasis])

    /// The number of rows.
    public var rowCount: Int {
        switch self {
        case .identity(let ones): ones.count
        case .dense(let vectors): vectors.shape[0]
        case .grouped(let vectors): vectors.shape[0] * vectors.shape[1]
        case .sum(let bases): bases.reduce(0) { $0 + $1.rowCount }
        }
    }

    /// The number of columns.
    public var columnCount: Int { rowCount }

    /// Vectors from their coordinates in this basis.
    public func apply(_ x: Tensor) -> Tensor { product(x, transposed: false) }

    /// The coordinates of vectors in this basis.
    public func applyTransposed(_ x: Tensor) -> Tensor { product(x, transposed: true) }

    /// The eigenvectors, [n, n].
    public func dense() -> Tensor {
        switch self {
        case .identity(let ones): ones.diagonalMatrix()
        case .dense(let vectors): vectors
        case .grouped(let vectors): GroupedOperator(blocks: vectors).dense()
        case .sum(let bases): DirectSumOperator.dense(bases)
        }
    }

    private func product(_ x: Tensor, transposed: Bool) -> Tensor {
        switch self {
        case .identity: x
        case .dense(let vectors): (transposed ? vectors.transposed() : vectors).matmul(x)
        case .grouped(let vectors): GroupedOperator(blocks: transposed ? vectors.transposed() : vectors).apply(x)
        case .sum(let bases): DirectSumOperator.apply(bases, to: x) { $0.product($1, transposed: transposed) }
        }
    }
}

extension SymmetricOperator {
    /// The eigenvalues, [dimension], raised to at least 0, and their vectors, in the structure of the matrix.
    ///
    /// Of matrices of no structure that has an eigenbasis of its own, by way of all their entries.
    func eigendecomposition() throws(LinearAlgebraError) -> (values: Tensor, basis: Eigenbasis) {
        switch self {
        case let own as DiagonalOperator:
            return (own.diagonal.clamped(atLeast: 0), .identity(Tensor.ones(like: own.diagonal)))
        case let own as GroupedOperator:
            let (values, vectors) = try own.blocks.symmetricEigen()
            return (values.flattened().clamped(atLeast: 0), .grouped(vectors))
        case let own as DirectSumOperator:
            var parts: [(values: Tensor, basis: Eigenbasis)] = []
            for block in own.blocks { parts.append(try block.eigendecomposition()) }
            return (Tensor.concatenate(parts.map(\.values)), .sum(parts.map(\.basis)))
        default:
            let own = try EigenOperator(diagonalizing: DenseOperator(dense()))
            return (own.values, .dense(own.vectors))
        }
    }

    /// The blocks along the diagonal of a matrix of so many groups.
    func diagonalBlocks(_ count: Int) -> [any SymmetricOperator] {
        switch self {
        case let own as DirectSumOperator where own.blocks.count == count: return own.blocks
        case let own as GroupedOperator where own.blocks.shape[0] % count == 0:
            let each = own.blocks.shape[0] / count
            return (0..<count).map { index -> any SymmetricOperator in
                if each == 1 { return DenseOperator(own.blocks[index]) }
                return GroupedOperator(blocks: own.blocks[(index * each)..<((index + 1) * each)])
            }
        default: fatalError("\(Self.self).diagonalBlocks: \(dimension) rows without \(count) groups")
        }
    }
}

extension Eigenbasis {
    /// The tensors that it consists of.
    var parts: [Tensor] {
        switch self {
        case .identity(let tensor), .dense(let tensor), .grouped(let tensor): [tensor]
        case .sum(let bases): bases.flatMap(\.parts)
        }
    }

    /// The same basis with each of its tensors replaced.
    func mapping(_ change: (Tensor) -> Tensor) -> Eigenbasis {
        switch self {
        case .identity(let ones): .identity(change(ones))
        case .dense(let vectors): .dense(change(vectors))
        case .grouped(let vectors): .grouped(change(vectors))
        case .sum(let bases): .sum(bases.map { $0.mapping(change) })
        }
    }
}
