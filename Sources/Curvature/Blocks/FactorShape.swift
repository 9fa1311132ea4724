import Torch

/// How large a factor is and which entries it keeps: known before anything is allocated.
enum FactorShape: Sendable, Hashable {
    /// The diagonal.
    case diagonal(dimension: Int)
    /// All entries, of each group by itself.
    case dense(dimension: Int, groups: Int)
    /// Dense blocks along the diagonal.
    case blocks(BlockLayout)
    /// A symmetric 2x2 matrix for each unit.
    case unitwise(units: Int)
    /// A matrix of the channels that repeats at each position of the kernel, and their mean; inverted with all its
    /// entries where it is damped exactly.
    case repeated(channels: Int, positions: Int, hasBias: Bool, isExact: Bool)
    /// All entries, and those of neighbouring steps of a time series.
    case series(dimension: Int, form: Approximation.TimeSeriesForm)

    /// The shape of one side of a Kronecker product.
    ///
    /// - Parameters:
    ///   - units: The number of features or channels of each group.
    ///   - elements: The number of coordinates of each of them: those of a kernel, for a side of patches.
    ///   - groups: The number of groups.
    ///   - hasBias: Whether the last coordinate of each group is the bias's.
    ///   - structure: Which entries are to be kept.
    ///   - settings: Have the limit beyond which there are blocks.
    init(
        units: Int, elements: Int = 1, groups: Int = 1, hasBias: Bool = false,
        structure: Approximation.Structure = .dense, settings: FactorSettings
    ) {
        let dimension = units * elements + (hasBias ? 1 : 0)
        if structure == .diagonal {
            self = .diagonal(dimension: groups * dimension)
        } else if let layout = BlockLayout(
            units: units, elements: elements, groups: groups, hasBias: hasBias, settings: settings)
        {
            self = .blocks(layout)
        } else {
            self = .dense(dimension: dimension, groups: groups)
        }
    }

    /// The number of rows and columns of the whole matrix.
    var dimension: Int {
        switch self {
        case .diagonal(let dimension), .series(let dimension, _): dimension
        case .dense(let dimension, let groups): dimension * groups
        case .blocks(let layout): layout.dimension
        case .unitwise(let units): 2 * units
        case .repeated(let channels, let positions, let hasBias, _): channels * positions + (hasBias ? 1 : 0)
        }
    }
}

/// The shapes of the two factors of a layer with a weight.
struct KroneckerShapes {
    /// That of what goes in.
    let input: FactorShape
    /// That of what comes out.
    let output: FactorShape

    /// Finds the shapes for a weight in the shape that the operation takes; nil for operations without factors.
    init?(
        weight shape: [Int], hasBias: Bool, operation: LayerUse.Operation,
        structures: (input: Approximation.Structure, output: Approximation.Structure) = (.dense, .dense),
        settings: FactorSettings
    ) {
        switch operation {
        case .linear:
            input = FactorShape(units: shape[1], hasBias: hasBias, structure: structures.input, settings: settings)
            output = FactorShape(units: shape[0], structure: structures.output, settings: settings)
        case .transposedLinear:
            input = FactorShape(units: shape[0], structure: structures.input, settings: settings)
            output = FactorShape(units: shape[1], structure: structures.output, settings: settings)
        case .convolution(let geometry):
            let (kernel, groups) = (geometry.kernel.reduce(1, *), geometry.groups)
            if geometry.isTransposed {
                input = FactorShape(units: shape[0] / groups, groups: groups, settings: settings)
                output = FactorShape(units: shape[1], elements: kernel, groups: groups, settings: settings)
            } else {
                input = FactorShape(
                    units: shape[1], elements: kernel, groups: groups, hasBias: hasBias, settings: settings)
                output = FactorShape(units: shape[0] / groups, groups: groups, settings: settings)
            }
        case .embedding:
            input = .diagonal(dimension: shape[0])
            output = FactorShape(units: shape[1], structure: structures.output, settings: settings)
        case .scaleAndShift, .custom:
            return nil
        }
    }
}
