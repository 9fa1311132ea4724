public import Torch

extension KroneckerBlock {
    public func examination(damping: Double, isTight: Bool) -> BlockExamination {
        KroneckerExamination(
            input: input.average, output: output.average, locations: locationCount.value,
            split: input.settings.dampingSplit, roundOff: roundOff
        ).result(damping: damping, isTight: isTight)
    }

    public var meanDiagonal: Double { locationCount.value * input.meanDiagonal * output.meanDiagonal }

    public func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        let split = split(damping)
        return product(
            try output.average.diagonalPart().dampedInverse(split.output),
            try input.average.diagonalPart().dampedInverse(split.input)
        ).scaled(by: 1 / locationCount.value)
    }

    public func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
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

    public func restartStatistics() {
        input.restart()
        output.restart()
    }
}
