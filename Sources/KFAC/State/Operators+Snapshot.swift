import Torch

// Operators of any structure in snapshots: the kind is a part of the name ("left.cholesky.lower").

extension Snapshot {
    /// Stores an operator as it is, so that its products stay the same to the last bit.
    ///
    /// One of a type that is not known here is stored with all of its entries.
    mutating func set(_ name: String, _ operation: any SymmetricOperator) {
        under(name) { snapshot in
            switch operation {
            case let operation as DenseOperator:
                snapshot.set("dense.matrix", operation.matrix)
            case let operation as DiagonalOperator:
                snapshot.set("diagonal.entries", operation.diagonal)
            case let operation as CholeskyInverseOperator:
                snapshot.set("cholesky.lower", operation.lower)
                snapshot.set("cholesky.scale", operation.scale)
            case let operation as EigenOperator:
                snapshot.set("eigen.values", operation.values)
                snapshot.set("eigen.vectors", operation.vectors)
            case let operation as KroneckerOperator:
                snapshot.set("kronecker.left", operation.left)
                snapshot.set("kronecker.right", operation.right)
            case let operation as KroneckerEigenOperator:
                snapshot.set("kroneckerEigen.left", basis: operation.left)
                snapshot.set("kroneckerEigen.right", basis: operation.right)
                snapshot.set("kroneckerEigen.values", operation.values)
            case let operation as GroupedOperator:
                snapshot.set("grouped.blocks", operation.blocks)
            case let operation as GroupedKroneckerOperator:
                snapshot.set("groupedKronecker.left", operation.left.blocks)
                snapshot.set("groupedKronecker.right", operation.right.blocks)
            case let operation as RepeatedOperator:
                snapshot.set("repeated.base", operation.base)
                snapshot.set("repeated.count", operation.count)
            case let operation as UnitwiseOperator:
                snapshot.set("unitwise.first", operation.first)
                snapshot.set("unitwise.mixed", operation.mixed)
                snapshot.set("unitwise.second", operation.second)
            case let operation as DirectSumOperator:
                for (index, block) in operation.blocks.enumerated() { snapshot.set("sum.\(index)", block) }
            case let operation as RankOneUpdateOperator:
                snapshot.set("rankOne.base", operation.base)
                snapshot.set("rankOne.vector", operation.vector)
                snapshot.set("rankOne.weight", operation.weight)
            case let operation as LowRankOperator:
                snapshot.set("lowRank.columns", operation.columns)
                snapshot.set("lowRank.damping", operation.damping)
            case let operation as ShiftedProjection:
                snapshot.set("projection.basis", operation.basis)
                snapshot.set("projection.outside", operation.outside)
                snapshot.set("projection.inside", operation.inside)
            case let operation as KroneckerCongruenceOperator:
                snapshot.set("congruence.left", operation.left.tensor)
                snapshot.set("congruence.right", operation.right.tensor)
                snapshot.set("congruence.values", operation.values)
            case let operation as TimeSeriesInverse:
                snapshot.set("series.left", operation.left)
                snapshot.set("series.right", operation.right)
                snapshot.set("series.values", operation.values)
                if let transitions = operation.transitions {
                    snapshot.set("series.leftTransition", transitions.left)
                    snapshot.set("series.rightTransition", transitions.right)
                }
            default: snapshot.set("dense.matrix", operation.dense())
            }
        }
    }
}

extension SnapshotReader {
    /// A stored operator of a dimension; nil, and a fault, where there is none that is well formed.
    ///
    /// - Parameter like: A tensor of its type and device.
    func operation(_ name: String, dimension: Int, like: Tensor) -> (any SymmetricOperator)? {
        guard let operation = operation(name, like: like) else { return nil }
        guard operation.dimension == dimension else {
            fault("the matrix '\(name)' has \(operation.dimension) rows, \(dimension) were expected")
            return nil
        }
        return operation
    }

    private func operation(_ name: String, like: Tensor, depth: Int = 0) -> (any SymmetricOperator)? {
        let outer = under(name)
        guard let kind = outer.names.first, outer.names.count == 1, depth < 8 else {
            fault("there is no matrix of one kind called '\(name)'")
            return nil
        }
        let reader = outer.under(kind)
        func inner(_ name: String) -> (any SymmetricOperator)? {
            reader.operation(name, like: like, depth: depth + 1)
        }
        func tensor(_ name: String, rank: Int) -> Tensor? {
            guard let tensor = reader.tensor(name, dtype: like.dtype, device: like.device) else { return nil }
            guard tensor.rank == rank, tensor.count > 0 else {
                fault("'\(name)' of the matrix '\(kind)' has the shape \(tensor.shape), \(rank) axes were expected")
                return nil
            }
            return tensor
        }
        /// Makes the operator where its parts fit together; they come in with their shapes.
        func made(_ fits: Bool, _ make: () -> any SymmetricOperator) -> (any SymmetricOperator)? {
            guard fits else {
                fault("the parts of the matrix '\(kind)' do not fit together")
                return nil
            }
            return make()
        }
        func isSquare(_ tensor: Tensor) -> Bool { tensor.shape[tensor.rank - 1] == tensor.shape[tensor.rank - 2] }

        switch kind {
        case "dense":
            guard let matrix = tensor("matrix", rank: 2) else { return nil }
            return made(isSquare(matrix)) { DenseOperator(matrix) }
        case "diagonal":
            return tensor("entries", rank: 1).map { DiagonalOperator($0) }
        case "cholesky":
            guard let lower = tensor("lower", rank: 2), let scale = reader.number("scale") else { return nil }
            return made(isSquare(lower)) { CholeskyInverseOperator(lower: lower, scale: scale) }
        case "eigen":
            guard let values = tensor("values", rank: 1), let vectors = tensor("vectors", rank: 2) else { return nil }
            return made(vectors.shape == [values.count, values.count]) {
                EigenOperator(values: values, vectors: vectors)
            }
        case "kronecker":
            guard let left = inner("left"), let right = inner("right") else { return nil }
            return KroneckerOperator(left, right)
        case "kroneckerEigen":
            guard let left = reader.basis("left", like: like), let right = reader.basis("right", like: like),
                let values = tensor("values", rank: 2)
            else { return nil }
            return made(values.shape == [left.columnCount, right.columnCount]) {
                KroneckerEigenOperator(left: left, right: right, values: values)
            }
        case "grouped":
            guard let blocks = tensor("blocks", rank: 3) else { return nil }
            return made(isSquare(blocks)) { GroupedOperator(blocks: blocks) }
        case "groupedKronecker":
            guard let left = tensor("left", rank: 3), let right = tensor("right", rank: 3) else { return nil }
            return made(isSquare(left) && isSquare(right) && left.shape[0] == right.shape[0]) {
                GroupedKroneckerOperator(GroupedOperator(blocks: left), GroupedOperator(blocks: right))
            }
        case "repeated":
            guard let base = inner("base"), let count = reader.integer("count") else { return nil }
            return made(count > 0 && count < 1 << 31) { RepeatedOperator(base, count: count) }
        case "unitwise":
            guard let first = tensor("first", rank: 1), let mixed = tensor("mixed", rank: 1),
                let second = tensor("second", rank: 1)
            else { return nil }
            return made(first.shape == mixed.shape && mixed.shape == second.shape) {
                UnitwiseOperator(first: first, mixed: mixed, second: second)
            }
        case "sum":
            let count = reader.names.count
            let blocks = (0..<count).compactMap { inner("\($0)") }
            return made(count > 0 && blocks.count == count) { DirectSumOperator(blocks) }
        case "rankOne":
            guard let base = inner("base"),
                let vector = reader.tensor("vector", dtype: like.dtype, device: like.device),
                let weight = reader.number("weight")
            else { return nil }
            return made(vector.count == base.dimension) {
                RankOneUpdateOperator(base, vector: vector, weight: weight)
            }
        case "lowRank":
            guard let columns = tensor("columns", rank: 2), let damping = reader.number("damping") else { return nil }
            return LowRankOperator(columns: columns, damping: damping)
        case "projection":
            guard let basis = tensor("basis", rank: 2), let outside = reader.number("outside"),
                let inside = tensor("inside", rank: 1)
            else { return nil }
            return made(basis.shape[1] == inside.count) {
                ShiftedProjection(basis: basis, outside: outside, inside: inside)
            }
        case "congruence": return congruence(reader, like: like, tensor, made)
        case "series": return series(reader, tensor, made)
        default:
            fault("matrices of the kind '\(kind)' are not known")
            return nil
        }
    }

    private func congruence(
        _ reader: SnapshotReader, like: Tensor, _ tensor: (String, Int) -> Tensor?,
        _ made: (Bool, () -> any SymmetricOperator) -> (any SymmetricOperator)?
    ) -> (any SymmetricOperator)? {
        guard let values = tensor("values", 2),
            let left = reader.tensor("left", dtype: like.dtype, device: like.device),
            let right = reader.tensor("right", dtype: like.dtype, device: like.device)
        else { return nil }
        func basis(_ tensor: Tensor, _ extent: Int) -> KroneckerCongruenceOperator.Basis? {
            tensor.shape == [extent] ? .diagonal(tensor) : tensor.shape == [extent, extent] ? .dense(tensor) : nil
        }
        let bases = (basis(left, values.shape[0]), basis(right, values.shape[1]))
        return made(bases.0 != nil && bases.1 != nil) {
            KroneckerCongruenceOperator(left: bases.0!, right: bases.1!, values: values)
        }
    }

    private func series(
        _ reader: SnapshotReader, _ tensor: (String, Int) -> Tensor?,
        _ made: (Bool, () -> any SymmetricOperator) -> (any SymmetricOperator)?
    ) -> (any SymmetricOperator)? {
        guard let left = tensor("left", 2), let right = tensor("right", 2), let values = tensor("values", 2) else {
            return nil
        }
        var transitions: (left: Tensor, right: Tensor)?
        if reader.contains("leftTransition") {
            guard let first = tensor("leftTransition", 2), let second = tensor("rightTransition", 2) else { return nil }
            transitions = (first, second)
        }
        let (m, n) = (values.shape[0], values.shape[1])
        let fits =
            left.shape == [m, m] && right.shape == [n, n]
            && (transitions.map { $0.left.shape == [m, m] && $0.right.shape == [n, n] } ?? true)
        return made(fits) { TimeSeriesInverse(left: left, right: right, values: values, transitions: transitions) }
    }
}
