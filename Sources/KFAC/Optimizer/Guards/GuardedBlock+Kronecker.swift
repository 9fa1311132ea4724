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

extension TimeSeriesBlock: GuardedBlock {
    func examination(damping: Double, isTight: Bool) -> BlockExamination {
        KroneckerExamination(
            input: input.average, output: output.average, locations: Double(stepCount),
            split: input.settings.dampingSplit == .exact ? .traceRatio : input.settings.dampingSplit,
            roundOff: roundOff
        ).result(damping: damping, isTight: isTight)
    }

    var meanDiagonal: Double { Double(stepCount) * input.meanDiagonal * output.meanDiagonal }

    /// The inverse of the diagonals, with the steps taken for independent.
    func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = FactoredDamping(
            damping: damping / Double(stepCount), split: input.settings.dampingSplit,
            inputMeanDiagonal: input.meanDiagonal, outputMeanDiagonal: output.meanDiagonal)
        return KroneckerOperator(
            try output.average.diagonalPart().dampedInverse(split.output),
            try input.average.diagonalPart().dampedInverse(split.input)
        ).scaled(by: 1 / Double(stepCount))
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
