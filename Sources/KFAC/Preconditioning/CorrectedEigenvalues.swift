import Curvature
import Optimization
import Torch

/// The eigenvalues of a block's curvature in the basis in use, from the gradients of examples.
struct CorrectedEigenvalues {
    /// [dimension, 1], in units of the mean loss's curvature.
    private(set) var values: Tensor
    /// The sum of the examples' weights.
    private var weight = Self.weightOfFactors
    /// Whether examples have had their part.
    private var isCorrected = false

    /// The number of examples that the eigenvalues of the factors count as, with which the average begins.
    static let weightOfFactors = 32.0

    /// Those of the factors.
    init(of basis: any EigenbasisOperator) { values = basis.eigenvalues.copy() }

    /// The same number for all directions.
    init(_ value: Double, like basis: any EigenbasisOperator) {
        values = Tensor.full(like: basis.eigenvalues, value)
    }

    /// Moves the average by a batch of so many examples.
    mutating func update(_ squares: Tensor, decay: Double, count: Double) {
        weight = decay * weight + count
        values = values + (squares - values) * (count / weight)
        isCorrected = true
    }

    /// The same in another basis: as far as they determine it, and the new factors' as long as there is nothing else.
    func turned(from old: any EigenbasisOperator, to new: any EigenbasisOperator) -> CorrectedEigenvalues {
        guard isCorrected else { return CorrectedEigenvalues(of: new) }
        var turned = self
        turned.values = new.squares(values, fromAny: old)
        return turned
    }

    /// The values plus the damping; a relative one is a share of their mean.
    func damped(by damping: BlockDamping) -> Tensor {
        switch damping {
        case .absolute(let number): return values + number
        case .relative(let share, let otherwise):
            let own = values.mean() * share
            return values + Tensor.select(own .> 0, own, Tensor.full(like: own, otherwise))
        }
    }
}

extension CorrectedEigenvalues {
    func save(to snapshot: inout Snapshot) {
        snapshot.set("values", values)
        snapshot.set("weight", weight)
        if isCorrected { snapshot.set("isCorrected", 1) }
    }

    /// Reads what ``save(to:)`` stored; nil, and a fault, where it does not fit the basis.
    init?(from reader: SnapshotReader, basis: any EigenbasisOperator) {
        self.init(of: basis)
        for name in ["values", "weight"] { reader.requireSquares(name) }
        guard let values = reader.tensor("values", like: values), let weight = reader.number("weight") else {
            return nil
        }
        (self.values, self.weight) = (values, weight)
        isCorrected = reader.contains("isCorrected") && reader.integer("isCorrected") == 1
    }
}

extension Preconditioner {
    /// Moves the eigenvalues of blocks that have a basis by a batch's statistics; those that are not finite, which
    /// squares of large gradients may be, are left out.
    mutating func correct(by statistics: [(block: any CurvatureBlock, statistics: BlockStatistics)]) {
        for (block, batch) in statistics {
            let id = ObjectIdentifier(block)
            guard eigenvalues[id] != nil, let basis = inverses[id]?.matrix as? any EigenbasisOperator,
                let squares = block.squaredCoordinates(of: batch, in: basis), squares.sum().scalar.isFinite
            else { continue }
            eigenvalues[id]?.update(squares, decay: batch.decay, count: batch.normalizer)
        }
    }

    /// The damped inverse of a block's corrected curvature times gradients in the shapes of its parameters; nil where
    /// the block has none.
    func applyCorrected(_ block: any CurvatureBlock, to gradients: [Tensor]) -> [Tensor]? {
        let id = ObjectIdentifier(block)
        guard let own = eigenvalues[id], let basis = inverses[id]?.matrix as? any EigenbasisOperator else { return nil }
        let coordinates = basis.coordinates(of: block.vector(from: gradients))
        return block.tensors(from: basis.vectors(at: coordinates / own.damped(by: damping)))
    }

    /// xᵀ (F + damping) x with a block's corrected curvature F; nil where the block has none.
    func correctedForm(_ block: any CurvatureBlock, of tensors: [Tensor]) -> Double? {
        let id = ObjectIdentifier(block)
        guard let own = eigenvalues[id], let basis = inverses[id]?.matrix as? any EigenbasisOperator else { return nil }
        let coordinates = basis.coordinates(of: block.vector(from: tensors))
        return (coordinates.squared() * own.damped(by: damping)).sum().scalar
    }
}
