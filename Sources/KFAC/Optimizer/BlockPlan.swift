import Torch

/// What one block is to be: parameters, what is done with them, and the approximation.
struct BlockPlan {
    /// Numbers of parameters in the list; the weight first, then its bias.
    let parameters: [Int]
    /// Numbers of the uses that tell of them, in the order of the calls.
    var uses: [Int] = []
    let kind: LayerKind
    let approximation: Approximation
    /// Whether the generic block is there for want of a better one.
    var isFallback = false

    /// Whether two plans are the same but for the uses.
    func isAlike(_ other: BlockPlan) -> Bool {
        parameters == other.parameters && kind == other.kind && approximation == other.approximation
    }

    /// Makes the block.
    func block(
        of parameters: [NamedParameter], uses: [LayerUse], settings: FactorSettings
    ) throws -> any CurvatureBlock {
        guard let block = makeBlock(parameters, uses: uses, settings: settings) else {
            throw OptimizerError.approximationNotPossible(layerName(of: parameters), kind, approximation)
        }
        return block
    }

    private func makeBlock(
        _ parameters: [NamedParameter], uses: [LayerUse], settings: FactorSettings
    ) -> (any CurvatureBlock)? {
        let (first, second) = (parameters[0], parameters.dropFirst().first)
        switch approximation {
        case .genericDiagonal: return FactorBlock(generic: parameters, isFull: false, settings: settings)
        case .genericFull: return FactorBlock(generic: parameters, isFull: true, settings: settings)
        default: break
        }
        if kind == .bias { return FactorBlock(bias: first, approximation: approximation, settings: settings) }
        guard let operation = self.uses.first.map({ uses[$0].operation }) else { return nil }
        switch (operation, approximation) {
        case (.scaleAndShift(let axes), _):
            return FactorBlock(
                scale: first, shift: second, axes: axes, approximation: approximation, settings: settings)
        case (_, .kronecker(let input, let output, let sharing)):
            return KroneckerBlock(
                weight: first, bias: second, operation: operation, inputStructure: input, outputStructure: output,
                sharing: sharing, settings: settings)
        case (.convolution(let geometry), .uncorrelatedPixels):
            return KroneckerBlock(uncorrelatedPixels: first, bias: second, geometry: geometry, settings: settings)
        case (.linear, .timeSeries(let form)):
            return TimeSeriesBlock(weight: first, bias: second, form: form, settings: settings)
        case (_, .diagonal):
            return FactorBlock(diagonalOf: first, bias: second, operation: operation, settings: settings)
        default: return nil
        }
    }
}

extension Approximation {
    /// Whether any parameters can have it.
    var isGeneric: Bool { self == .genericDiagonal || self == .genericFull }

    /// Whether a bias by itself can have it.
    var isForBiases: Bool { isGeneric || self == .diagonal || self == .full }

    /// Whether each example must be told from the others, not only each position.
    var needsExamples: Bool {
        switch self {
        case .kronecker(_, _, let sharing): sharing == .reduce
        case .diagonal, .full, .unitwise, .timeSeries: true
        case .uncorrelatedPixels, .genericDiagonal, .genericFull: false
        }
    }
}
