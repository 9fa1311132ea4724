import Torch

/// The plan of one block: parameters, operations, and the approximation.
struct BlockPlan {
    /// Numbers of parameters in the list; the weight first, then its bias.
    let parameters: [Int]
    /// Numbers of the uses in this batch, in the order of the calls; none where the loss does not look at them.
    var uses: [Int] = []
    /// The operations with the weight, each once.
    var operations: [LayerUse.Operation] = []
    let kind: LayerKind
    let approximation: Approximation
    /// The axis of the examples in the layer's inputs and outputs, where the approximation must know it.
    var batchAxis = 0
    /// Whether the axis goes for later batches, too: one example leaves it open.
    var isAxisSettled = true
    /// Why the generic block takes the place of a better one; nil if it does not.
    var fallback: FallbackReason?

    /// Facts that later batches need not find again; nil if nothing is settled.
    var settledAxis: SettledAxis? {
        if fallback == .examplesNotFound { return .notFound }
        return approximation.needsExamples && isAxisSettled ? .axis(batchAxis) : nil
    }

    /// Whether two plans are the same but for the uses.
    func isAlike(_ other: BlockPlan) -> Bool {
        parameters == other.parameters && kind == other.kind && approximation == other.approximation
            && (batchAxis == other.batchAxis || !isAxisSettled || !other.isAxisSettled)
    }

    /// Makes the block.
    func block(
        of parameters: [NamedParameter], settings: FactorSettings, makers: [String: BlockMaker]
    ) throws -> any CurvatureBlock {
        if approximation == .custom, case .custom(let name) = operations.first, let make = makers[name] {
            return try make(parameters[0], parameters.dropFirst().first, settings)
        }
        guard let block = makeBlock(parameters, settings: settings) else {
            throw CurvatureError.approximationNotPossible(layerName(of: parameters), kind, approximation)
        }
        return block
    }

    private func makeBlock(_ parameters: [NamedParameter], settings: FactorSettings) -> (any CurvatureBlock)? {
        let (first, second) = (parameters[0], parameters.dropFirst().first)
        switch approximation {
        case .genericDiagonal: return FactorBlock(generic: parameters, isFull: false, settings: settings)
        case .genericFull: return FactorBlock(generic: parameters, isFull: true, settings: settings)
        default: break
        }
        if kind == .bias { return FactorBlock(bias: first, approximation: approximation, settings: settings) }
        guard let operation = operations.first else { return nil }
        switch (operation, approximation) {
        case (_, .kronecker(.dense, .dense, let sharing)) where kind == .tied:
            return KroneckerSumBlock(weight: first, operations: operations, sharing: sharing, settings: settings)
        case _ where kind == .tied:
            return nil
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

/// Why a parameter has no layer-wise approximation of its curvature.
enum FallbackReason: String, Hashable, Codable {
    /// No recorded operation uses it.
    case notRecorded
    /// Beside recorded operations, others use it.
    case alsoUsedOtherwise
    /// Operations of several kinds use it.
    case severalKinds
    /// An operation of one's own uses it, for which there is no ``BlockMaker``.
    case noMaker
    /// It is not known which axis is that of the examples.
    case examplesNotFound

    /// The clause about one or several parameters.
    func clause(isOne: Bool) -> String {
        let it = isOne ? "it" : "them"
        return switch self {
        case .notRecorded: "no recorded operation uses \(it)"
        case .alsoUsedOtherwise:
            "operations that are not recorded use \(it), too, such as arithmetic or a derivative inside the loss"
        case .noMaker: "a custom operation uses \(it) that has no block maker"
        case .severalKinds: "operations of different kinds use \(it)"
        case .examplesNotFound:
            "the axis of the examples is not known; state it in LayerChoices.batchAxes"
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
        case .uncorrelatedPixels, .genericDiagonal, .genericFull, .custom: false
        }
    }
}
