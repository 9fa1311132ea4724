import Curvature
import Torch

extension Preconditioner {
    /// The directions by the moments of the gradient in the blocks' bases, and the moments after it.
    ///
    /// - Parameters:
    ///   - blocks: All blocks.
    ///   - positions: For each block, where its parameters are among the gradients; nil for those that are not there,
    ///     whose gradient counts as zero.
    ///   - gradients: Those of the parameters that are moved. Parameters of a block that has no basis yet wait for one:
    ///     their direction is zero.
    func directions(
        _ blocks: [any CurvatureBlock], positions: [[Int?]], for gradients: [Tensor], by rule: EigenbasisMoments
    ) -> (directions: [Tensor], moments: [ObjectIdentifier: GradientMoments]) {
        var moments = moments
        var directions: [Tensor?] = gradients.map { _ in nil }
        for (block, positions) in zip(blocks, positions) where positions.contains(where: { $0 != nil }) {
            let id = ObjectIdentifier(block)
            guard let basis = inverses[id]?.matrix as? any EigenbasisOperator else { continue }
            let own = zip(block.parameters, positions).map { parameter, position in
                position.map { gradients[$0] } ?? Tensor.zeros(like: parameter.tensor.detached())
            }
            let gradient = basis.coordinates(of: block.vector(from: own))
            let direction = moments[id, default: GradientMoments(like: gradient)].direction(after: gradient, rule)
            for (position, part) in zip(positions, block.tensors(from: basis.vectors(at: direction))) {
                if let position { directions[position] = part }
            }
        }
        return (zip(directions, gradients).map { $0 ?? Tensor.zeros(like: $1) }, moments)
    }

    /// Takes a block's new inverse or basis into use; moments and eigenvalues that it has turn with the basis.
    mutating func use(_ new: BlockInverse) {
        let id = ObjectIdentifier(new.block)
        defer { inverses[id] = new }
        guard let basis = new.matrix as? any EigenbasisOperator else { return }
        let old = inverses[id]?.matrix as? any EigenbasisOperator
        moments[id] = old.flatMap { moments[id]?.turned(from: $0, to: basis) }
        guard new.form == .correctedEigenbasis else { return }
        if new.rung == .identity {
            // The axes that stand for a basis have no eigenvalues of their own.
            let mean = new.block.meanDiagonal
            eigenvalues[id] = CorrectedEigenvalues(mean.isFinite ? max(0, mean) : 0, like: basis)
        } else {
            eigenvalues[id] =
                old.flatMap { eigenvalues[id]?.turned(from: $0, to: basis) } ?? CorrectedEigenvalues(of: basis)
        }
    }
}
