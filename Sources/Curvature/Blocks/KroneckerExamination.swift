import Torch

/// Bounds of the spectrum of c · G ⊗ A, from those of the factors.
struct KroneckerExamination {
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
