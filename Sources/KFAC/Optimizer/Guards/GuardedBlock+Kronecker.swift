import Torch

extension KroneckerBlock: GuardedBlock {
    func examination(damping: Double, isTight: Bool) -> BlockExamination {
        KroneckerExamination(
            input: input.average, output: output.average, locations: locationCount.value,
            split: input.settings.dampingSplit, roundOff: roundOff
        ).result(damping: damping, isTight: isTight)
    }

    var meanDiagonal: Double { locationCount.value * input.meanDiagonal * output.meanDiagonal }

    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = split(damping)
        return product(
            try output.average.diagonalPart().dampedInverse(split.output),
            try input.average.diagonalPart().dampedInverse(split.input)
        ).scaled(by: 1 / locationCount.value)
    }

    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        let (output, input) = (output.average.converted(to: .float64), input.average.converted(to: .float64))
        guard !isDampedExactly(damping) else {
            let product = product(output, input).scaled(by: locationCount.value)
            return try product.damped(by: damping).inverse().converted(to: .float32)
        }
        let split = split(damping)
        return product(try output.dampedInverse(split.output), try input.dampedInverse(split.input))
            .scaled(by: 1 / locationCount.value).converted(to: .float32)
    }

    func restartStatistics() {
        (input as? any RestartableFactor)?.restart()
        (output as? any RestartableFactor)?.restart()
    }
}

extension KroneckerSumBlock: GuardedBlock {
    /// That of the terms, each with its half of the damping: the sum is dead where both are, and as near to a multiple of
    /// the identity as the one that is farther from it.
    func examination(damping: Double, isTight: Bool) -> BlockExamination {
        let found = terms.map { $0.examination(damping: damping / 2, isTight: isTight) }
        return BlockExamination(
            isBroken: found.contains { $0.isBroken }, isDead: found.allSatisfy { $0.isDead },
            leastDamping: 2 * found.reduce(0) { max($0, $1.leastDamping) },
            anisotropy: found.reduce(0) { max($0, $1.anisotropy) },
            meanAnisotropy: found.reduce(0) { max($0, $1.meanAnisotropy) })
    }

    var meanDiagonal: Double { terms.reduce(0) { $0 + $1.meanDiagonal } }

    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
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

    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        guard let sum = try curvature(damping: damping) as? KroneckerSumOperator else { return nil }
        func precise(_ product: KroneckerOperator) -> KroneckerOperator {
            KroneckerOperator(product.left.converted(to: .float64), product.right.converted(to: .float64))
        }
        return try KroneckerSumOperator(precise(sum.first), precise(sum.second)).inverse().converted(to: .float32)
    }

    func restartStatistics() { for term in terms { term.restartStatistics() } }
}

extension TimeSeriesBlock: GuardedBlock {
    func examination(damping: Double, isTight: Bool) -> BlockExamination {
        KroneckerExamination(
            input: input.average, output: output.average, locations: stepCount,
            split: input.settings.dampingSplit == .exact ? .traceRatio : input.settings.dampingSplit,
            roundOff: roundOff
        ).result(damping: damping, isTight: isTight)
    }

    var meanDiagonal: Double { stepCount * input.meanDiagonal * output.meanDiagonal }

    /// The inverse of the diagonals, with the steps taken for independent.
    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = FactoredDamping(
            damping: damping / stepCount, split: input.settings.dampingSplit,
            inputMeanDiagonal: input.meanDiagonal, outputMeanDiagonal: output.meanDiagonal)
        return KroneckerOperator(
            try output.average.diagonalPart().dampedInverse(split.output),
            try input.average.diagonalPart().dampedInverse(split.input)
        ).scaled(by: 1 / stepCount)
    }

    /// Nothing: the closed form is of the factors' own type.
    func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? { nil }

    func restartStatistics() {
        input.restart()
        output.restart()
    }
}

/// Bounds of the spectrum of c · G ⊗ A, from those of the factors.
private struct KroneckerExamination {
    let input: any SymmetricOperator
    let output: any SymmetricOperator
    /// c.
    let locations: Double
    let split: DampingSplit
    let roundOff: Double

    func result(damping: Double, isTight: Bool) -> BlockExamination {
        let (inputTrace, outputTrace) = (input.trace(), output.trace())
        guard inputTrace >= 0, outputTrace >= 0, inputTrace.isFinite, outputTrace.isFinite else {
            return BlockExamination(isBroken: true)
        }
        let inputBound = isTight ? input.eigenvalueBound() : inputTrace
        let outputBound = isTight ? output.eigenvalueBound() : outputTrace
        let isDead = inputTrace == 0 || outputTrace == 0
        if split == .exact {
            let bound = locations * inputBound * outputBound
            let mean = locations * inputTrace * outputTrace / Double(input.dimension * output.dimension)
            return BlockExamination(
                isDead: isDead, leastDamping: roundOff * bound, anisotropy: bound / damping,
                meanAnisotropy: mean / damping)
        }
        // The factors' dampings for λ = 1; both grow with √λ.
        let (inputMean, outputMean) = (inputTrace / Double(input.dimension), outputTrace / Double(output.dimension))
        let unit = FactoredDamping(
            damping: 1 / locations, split: split, inputMeanDiagonal: inputMean, outputMeanDiagonal: outputMean)
        func least(_ factor: any SymmetricOperator, _ bound: Double, _ unit: Double) -> Double {
            let root = factor.mixesElements ? roundOff * bound / unit : 0
            return root * root
        }
        let root = damping.squareRoot()
        func anisotropy(_ input: Double, _ output: Double) -> Double {
            (1 + input / (unit.input * root)) * (1 + output / (unit.output * root)) - 1
        }
        return BlockExamination(
            isDead: isDead,
            leastDamping: max(least(input, inputBound, unit.input), least(output, outputBound, unit.output)),
            anisotropy: anisotropy(inputBound, outputBound), meanAnisotropy: anisotropy(inputMean, outputMean))
    }
}
