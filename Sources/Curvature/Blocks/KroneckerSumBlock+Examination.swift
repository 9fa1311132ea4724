public import Torch

extension KroneckerSumBlock {
    /// That of the terms, each with its half of the damping: the sum is dead where both are, and as near to a multiple
    /// of the identity as the one that is farther from it.
    public func examination(damping: Double, isTight: Bool) -> BlockExamination {
        let found = terms.map { $0.examination(damping: damping / 2, isTight: isTight) }
        return BlockExamination(
            isBroken: found.contains { $0.isBroken }, isDead: found.allSatisfy { $0.isDead },
            leastDamping: 2 * found.reduce(0) { max($0, $1.leastDamping) },
            anisotropy: found.reduce(0) { max($0, $1.anisotropy) },
            meanAnisotropy: found.reduce(0) { max($0, $1.meanAnisotropy) })
    }

    public var meanDiagonal: Double { terms.reduce(0) { $0 + $1.meanDiagonal } }

    public func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try KroneckerSumOperator(diagonalTerm(0, damping), diagonalTerm(1, damping)).inverse()
    }

    private func diagonalTerm(_ index: Int, _ damping: Double) throws(LinearAlgebraError) -> KroneckerOperator {
        let term = terms[index]
        let split = term.split(damping / 2)
        let output = try term.output.average.diagonalPart().damped(by: split.output)
        let input = try term.input.average.diagonalPart().damped(by: split.input)
        let (left, right) = term.order == .outputsFirst ? (output, input) : (input, output)
        return KroneckerOperator(left.scaled(by: term.locationCount.value), right)
    }

    public func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        guard let sum = try curvature(damping: damping) as? KroneckerSumOperator else { return nil }
        func precise(_ product: KroneckerOperator) -> KroneckerOperator {
            KroneckerOperator(product.left.converted(to: .float64), product.right.converted(to: .float64))
        }
        return try KroneckerSumOperator(precise(sum.first), precise(sum.second)).inverse().converted(to: .float32)
    }

    public func restartStatistics() { for term in terms { term.restartStatistics() } }
}
