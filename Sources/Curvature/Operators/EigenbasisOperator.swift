public import Torch

/// A symmetric matrix with orthonormal eigenvectors that are known: Q diag(w) Qᵀ, where Q has a structure of its own.
///
/// What is kept in its coordinates, such as moments of gradients, moves along when another matrix takes its place:
/// means exactly, by ``vectors(at:)`` of the old one and ``coordinates(of:)`` of the new one; squares as far as they
/// determine it, by ``squares(_:from:)``.
public protocol EigenbasisOperator: SymmetricOperator {
    /// w, [dimension, 1], in the order of the coordinates.
    var eigenvalues: Tensor { get }

    /// Qᵀ x, the coordinates of a vector, [dimension, 1].
    func coordinates(of vector: Tensor) -> Tensor

    /// Q x, the vector with some coordinates, [dimension, 1].
    func vectors(at coordinates: Tensor) -> Tensor

    /// (T ∘ T) v, with T = Qᵀ Q' for the eigenvectors Q' of another matrix: the mean squares of coordinates in this
    /// basis where v, [dimension, 1], are those in the other one and the coordinates there are uncorrelated.
    ///
    /// Exact to that extent; the sum of all squares stays the same in any case. nil where the two have not one
    /// structure.
    func squares(_ squares: Tensor, from other: Self) -> Tensor?

    /// A matrix of the same structure whose eigenvectors are the coordinate axes.
    var alongAxes: Self { get }
}

extension EigenbasisOperator {
    /// Mean squares of coordinates in the basis of another matrix as those in this one's.
    ///
    /// Where the two have not one structure, all coordinates get the mean of the squares, as if the bases had nothing
    /// to do with each other.
    package func squares(_ squares: Tensor, fromAny other: any EigenbasisOperator) -> Tensor {
        let turned: Tensor? =
            if let other = other as? Self {
                self.squares(squares, from: other)
            } else if other is DiagonalOperator {
                self.squares(squares, from: alongAxes)
            } else if self is DiagonalOperator {
                Self.squares(squares, alongAxesFrom: other)
            } else {
                nil
            }
        return turned ?? Tensor.full(like: squares, squares.mean().scalar)
    }

    private static func squares<Other: EigenbasisOperator>(
        _ squares: Tensor, alongAxesFrom other: Other
    ) -> Tensor? {
        other.alongAxes.squares(squares, from: other)
    }
}

extension SymmetricOperator {
    /// The matrix in its eigenbasis, in its own structure.
    ///
    /// Sums of two Kronecker products get the basis of their marginals, in which they are nearly diagonal. A matrix of
    /// another structure counts as its diagonal, with the coordinate axes for eigenvectors.
    func diagonalized() throws(LinearAlgebraError) -> any EigenbasisOperator {
        switch self {
        case let own as DenseOperator: return try EigenOperator(diagonalizing: own)
        case let own as KroneckerOperator: return try KroneckerEigenOperator(diagonalizing: own)
        case let own as KroneckerSumOperator: return try KroneckerEigenOperator(nearlyDiagonalizing: own)
        case let own as GroupedKroneckerOperator: return try GroupedKroneckerEigenOperator(diagonalizing: own)
        case let own as GroupedOperator:
            let ones = Tensor.ones(like: own.blocks[.all, 0..<1, 0..<1])
            return try GroupedKroneckerEigenOperator(
                diagonalizing: GroupedKroneckerOperator(own, GroupedOperator(blocks: ones)))
        case let own as DirectSumOperator:
            var blocks: [any SymmetricOperator] = []
            for block in own.blocks { blocks.append(try block.diagonalized()) }
            return DirectSumOperator(blocks)
        case let own as any EigenbasisOperator: return own
        case let own as UnitwiseOperator: return DiagonalOperator(Tensor.concatenate([own.first, own.second]))
        default: return DiagonalOperator(dense().diagonal().copy())
        }
    }
}

extension DiagonalOperator: EigenbasisOperator {
    /// The diagonal.
    public var eigenvalues: Tensor { diagonal.reshaped([-1, 1]) }

    /// The vector itself.
    public func coordinates(of vector: Tensor) -> Tensor { vector }

    /// The coordinates themselves.
    public func vectors(at coordinates: Tensor) -> Tensor { coordinates }

    /// The squares themselves.
    public func squares(_ squares: Tensor, from other: DiagonalOperator) -> Tensor? { squares }

    /// The matrix itself.
    public var alongAxes: DiagonalOperator { self }
}

extension EigenOperator: EigenbasisOperator {
    public var eigenvalues: Tensor { values.reshaped([-1, 1]) }

    public func coordinates(of vector: Tensor) -> Tensor { vectors.transposed().matmul(vector) }

    public func vectors(at coordinates: Tensor) -> Tensor { vectors.matmul(coordinates) }

    public func squares(_ squares: Tensor, from other: EigenOperator) -> Tensor? {
        Eigenbasis.dense(vectors).squares(squares, from: .dense(other.vectors))
    }

    public var alongAxes: EigenOperator {
        EigenOperator(
            values: values, vectors: Tensor.identity(dimension, dtype: vectors.dtype, device: vectors.device))
    }
}

extension KroneckerEigenOperator: EigenbasisOperator {
    public var eigenvalues: Tensor { values.reshaped([-1, 1]) }

    public func coordinates(of vector: Tensor) -> Tensor {
        right.transformRows(of: left.applyTransposed(vector.reshaped(values.shape))).reshaped([-1, 1])
    }

    public func vectors(at coordinates: Tensor) -> Tensor {
        right.transformRows(of: left.apply(coordinates.reshaped(values.shape)), back: true).reshaped([-1, 1])
    }

    public func squares(_ squares: Tensor, from other: KroneckerEigenOperator) -> Tensor? {
        guard other.values.shape == values.shape,
            let byColumns = left.squares(squares.reshaped(values.shape), from: other.left),
            let byRows = right.squares(byColumns.transposed(), from: other.right)
        else { return nil }
        return byRows.transposed().reshaped([-1, 1])
    }

    public var alongAxes: KroneckerEigenOperator {
        KroneckerEigenOperator(left: left.alongAxes, right: right.alongAxes, values: values)
    }
}

extension DirectSumOperator: EigenbasisOperator {
    public var eigenvalues: Tensor { Tensor.concatenate(blocks.map { Self.basis(of: $0).eigenvalues }) }

    public func coordinates(of vector: Tensor) -> Tensor { eachPart(of: vector) { $0.coordinates(of: $1) } }

    public func vectors(at coordinates: Tensor) -> Tensor { eachPart(of: coordinates) { $0.vectors(at: $1) } }

    public func squares(_ squares: Tensor, from other: DirectSumOperator) -> Tensor? {
        guard blocks.map(\.dimension) == other.blocks.map(\.dimension) else { return nil }
        var others = other.blocks[...]
        return eachPart(of: squares) { own, part in own.squares(part, fromAny: Self.basis(of: others.removeFirst())) }
    }

    public var alongAxes: DirectSumOperator {
        DirectSumOperator(blocks.map { block in Self.basis(of: block).alongAxes })
    }

    private func eachPart(of x: Tensor, _ body: (any EigenbasisOperator, Tensor) -> Tensor) -> Tensor {
        var start = 0
        return Tensor.concatenate(
            blocks.map { block in
                defer { start += block.dimension }
                return body(Self.basis(of: block), x[start..<(start + block.dimension)])
            })
    }

    /// A block in its eigenbasis; one without stands for its diagonal.
    private static func basis(of block: any SymmetricOperator) -> any EigenbasisOperator {
        block as? any EigenbasisOperator ?? DiagonalOperator(block.dense().diagonal())
    }
}
