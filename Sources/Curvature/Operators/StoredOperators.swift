package import Torch

/// An operator that snapshots keep in its own structure.
protocol StoredOperator: SymmetricOperator {
    /// Reads what ``SymmetricOperator/save(to:)`` stored; nil, and a fault, if it is not well formed.
    static func restored(from reader: OperatorReader) -> Self?
}

/// The operators that snapshots know, by their kinds.
///
/// An operator of a type that is not here, such as one from outside of this package, is stored with all of its entries.
enum StoredOperators {
    private static let types: [any StoredOperator.Type] = [
        DenseOperator.self, DiagonalOperator.self, CholeskyInverseOperator.self, EigenOperator.self,
        KroneckerOperator.self, KroneckerEigenOperator.self, KroneckerSumOperator.self,
        KroneckerCongruenceOperator.self, GroupedOperator.self, GroupedKroneckerOperator.self,
        GroupedKroneckerEigenOperator.self, RepeatedOperator.self, UnitwiseOperator.self, DirectSumOperator.self,
        RankOneUpdateOperator.self, LowRankOperator.self,
        ShiftedProjection.self, TimeSeriesInverse.self,
    ]

    /// The type of a kind.
    static let byKind = Dictionary(uniqueKeysWithValues: types.map { ($0.kind, $0) })
}

extension Snapshot {
    /// Stores an operator; its kind is a part of the names ("left.cholesky.lower").
    package mutating func set(_ name: String, _ operation: any SymmetricOperator) {
        under("\(name).\(type(of: operation).kind)") { operation.save(to: &$0) }
    }
}

extension SnapshotReader {
    /// A stored operator of a dimension; nil, and a fault, if there is none that is well formed.
    ///
    /// - Parameter like: A tensor of its type and device.
    package func operation(_ name: String, dimension: Int, like: Tensor) -> (any SymmetricOperator)? {
        guard let operation = operation(name, like: like, depth: 0) else { return nil }
        guard operation.dimension == dimension else {
            fault(name, "is a matrix of \(operation.dimension) rows, \(dimension) were expected")
            return nil
        }
        return operation
    }

    fileprivate func operation(_ name: String, like: Tensor, depth: Int) -> (any SymmetricOperator)? {
        let outer = under(name)
        guard let kind = outer.names.first, outer.names.count == 1, depth < 8 else {
            fault(name, "is no matrix of one kind")
            return nil
        }
        guard let type = StoredOperators.byKind[kind] else {
            fault(name, "is a matrix of the kind '\(kind)', which is not known")
            return nil
        }
        return type.restored(from: OperatorReader(outer.under(kind), like: like, depth: depth))
    }
}

/// Reads the parts of one stored operator, and notes what is wrong with them.
struct OperatorReader {
    private let reader: SnapshotReader
    private let like: Tensor
    /// How many operators this one is a part of.
    private let depth: Int

    fileprivate init(_ reader: SnapshotReader, like: Tensor, depth: Int) {
        (self.reader, self.like, self.depth) = (reader, like, depth)
    }

    /// The names of the parts.
    var names: [String] { reader.names }

    func contains(_ name: String) -> Bool { reader.contains(name) }
    func number(_ name: String) -> Double? { reader.number(name) }
    func integer(_ name: String) -> Int? { reader.integer(name) }
    func basis(_ name: String) -> Eigenbasis? { reader.basis(name, like: like) }

    /// An operator that is a part of this one.
    func operation(_ name: String) -> (any SymmetricOperator)? {
        reader.operation(name, like: like, depth: depth + 1)
    }

    /// A tensor of any shape.
    func tensor(_ name: String) -> Tensor? { reader.tensor(name, dtype: like.dtype, device: like.device) }

    /// A tensor that is not empty, with a number of axes.
    func tensor(_ name: String, rank: Int) -> Tensor? {
        guard let tensor = tensor(name) else { return nil }
        guard tensor.rank == rank, tensor.count > 0 else {
            reader.fault(name, "has the shape \(tensor.shape), \(rank) axes were expected")
            return nil
        }
        return tensor
    }

    /// Makes the operator where its parts fit together; they come in with their shapes.
    func made<Operation>(_ fits: Bool, _ make: () -> Operation) -> Operation? {
        guard fits else {
            reader.fault("the parts of the matrix do not fit together")
            return nil
        }
        return make()
    }
}

extension Tensor {
    /// Whether the last two axes have one extent.
    var isSquare: Bool { shape[rank - 1] == shape[rank - 2] }
}
