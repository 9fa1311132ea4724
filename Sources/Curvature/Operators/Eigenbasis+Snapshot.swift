import Torch

extension Snapshot {
    /// Stores an eigenbasis: a tensor of its own name where it has all entries, else what it consists of.
    mutating func set(_ name: String, basis: Eigenbasis) {
        switch basis {
        case .dense(let vectors): set(name, vectors)
        case .identity(let ones): set("\(name).identity", ones)
        case .grouped(let vectors): set("\(name).grouped", vectors)
        case .sum(let bases):
            for (index, basis) in bases.enumerated() { set("\(name).sum.\(index)", basis: basis) }
        }
    }
}

extension SnapshotReader {
    /// A stored eigenbasis; nil, and a fault, if there is none that is well formed.
    func basis(_ name: String, like: Tensor, depth: Int = 0) -> Eigenbasis? {
        func part(_ name: String, rank: Int) -> Tensor? {
            guard let tensor = tensor(name, dtype: like.dtype, device: like.device) else { return nil }
            guard tensor.rank == rank, tensor.count > 0, rank < 2 || tensor.shape[rank - 1] == tensor.shape[rank - 2]
            else {
                fault(name, "has the shape \(tensor.shape), square matrices were expected")
                return nil
            }
            return tensor
        }
        let inner = under(name)
        guard let kind = inner.names.first, inner.names.count == 1, depth < 8 else {
            return part(name, rank: 2).map { .dense($0) }
        }
        switch kind {
        case "identity": return part("\(name).identity", rank: 1).map { .identity($0) }
        case "grouped": return part("\(name).grouped", rank: 3).map { .grouped($0) }
        case "sum":
            let reader = inner.under(kind)
            let count = reader.names.count
            let bases = (0..<count).compactMap { reader.basis("\($0)", like: like, depth: depth + 1) }
            guard count > 0, bases.count == count else {
                fault(name, "is not the sum of numbered bases")
                return nil
            }
            return .sum(bases)
        default:
            fault(name, "is a basis of the kind '\(kind)', which is not known")
            return nil
        }
    }
}
