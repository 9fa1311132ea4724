public import Torch

extension TimeSeriesBlock {
    public func examination(damping: Double, isTight: Bool) -> BlockExamination {
        KroneckerExamination(
            input: input.average, output: output.average, locations: stepCount,
            split: input.settings.dampingSplit == .exact ? .traceRatio : input.settings.dampingSplit,
            roundOff: roundOff
        ).result(damping: damping, isTight: isTight)
    }

    public var meanDiagonal: Double { stepCount * input.meanDiagonal * output.meanDiagonal }

    /// The inverse of the diagonals, with the steps taken for independent.
    public func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = FactoredDamping(
            damping: damping / stepCount, split: input.settings.dampingSplit,
            inputMeanDiagonal: input.meanDiagonal, outputMeanDiagonal: output.meanDiagonal)
        return KroneckerOperator(
            try output.average.diagonalPart().dampedInverse(split.output),
            try input.average.diagonalPart().dampedInverse(split.input)
        ).scaled(by: 1 / stepCount)
    }

    /// Nothing: the closed form is of the factors' own type.
    public func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? { nil }

    public func restartStatistics() {
        input.restart()
        output.restart()
    }
}
