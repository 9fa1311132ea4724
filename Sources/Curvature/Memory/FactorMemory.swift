/// The memory of one factor of a layer's curvature.
public struct FactorMemory: Sendable, Hashable {
    /// The side of a layer that a factor belongs to.
    public enum Side: String, Sendable, Hashable {
        /// The layer's inputs.
        case input
        /// The gradients of what comes out of it.
        case output
        /// The parameters themselves.
        case parameters
    }

    /// Which entries a factor keeps.
    public enum Structure: Sendable, Hashable {
        /// The diagonal, or a 2x2 matrix for each unit.
        case diagonal
        /// All entries, of each group by itself.
        case dense
        /// Dense blocks of at most `size` rows, the bias's not counted.
        case blocks(count: Int, size: Int)
    }

    /// The layer's name in messages.
    public let layer: String
    /// The side of the layer that the factor belongs to.
    public let side: Side
    /// The number of rows and columns.
    public let dimension: Int
    /// Which entries are kept.
    public let structure: Structure
    /// The bytes of the running average.
    public let averageBytes: Int
    /// The bytes of what is kept of its inverse; 0 where only that of the whole curvature is.
    public let inverseBytes: Int
    /// The bytes that are needed besides while the inverse is computed.
    public let workBytes: Int
    /// The bytes of the running average if it were kept with all its entries.
    public let denseBytes: Int
    /// About how many floating-point operations computing its inverse takes.
    public let inversionOperations: Double

    /// - Parameters:
    ///   - isDiagonalised: Whether inverses come from eigendecompositions.
    ///   - keepsInverse: Whether a matrix of its own is kept of the inverse.
    init(
        layer: String, side: Side, shape: FactorShape, isDiagonalised: Bool, keepsInverse: Bool, elementBytes: Int
    ) {
        self.layer = layer
        self.side = side
        dimension = shape.dimension
        switch shape {
        case .diagonal, .unitwise: structure = .diagonal
        case .dense, .repeated, .series: structure = .dense
        case .blocks(let layout): structure = .blocks(count: layout.blockCount, size: layout.size)
        }
        averageBytes = byteCount(shape.averageEntries, elementBytes)
        inverseBytes = keepsInverse ? byteCount(shape.inverseEntries, elementBytes) : 0
        // A Cholesky factor and its inverse, or a copy and what LAPACK works with.
        workBytes = byteCount(shape.matrixEntries * (isDiagonalised ? 4 : 2), elementBytes)
        denseBytes = byteCount(shape.denseEntries, elementBytes)
        // A Cholesky factorisation and the inverse of it, or an eigendecomposition.
        inversionOperations = shape.inversionCubes * (isDiagonalised ? 9 : 1)
    }
}

extension FactorMemory: CustomStringConvertible {
    /// The factor, its size, and how it is kept.
    public var description: String {
        let own = side == .parameters ? layer : "\(layer) (\(side))"
        switch structure {
        case .diagonal: return "\(own), dimension \(dimension), diagonal: \(bytes(averageBytes))"
        case .dense: return "\(own), dimension \(dimension), dense: \(bytes(averageBytes))"
        case .blocks(let count, let size):
            return "\(own), dimension \(dimension), \(count) blocks of up to \(size): \(bytes(averageBytes))"
        }
    }
}

// In floating point: dimensions of millions have more entries than 64 bits count.
extension FactorShape {
    /// The number of entries of the running average.
    fileprivate var averageEntries: Double {
        switch self {
        case .diagonal(let dimension): Double(dimension)
        case .unitwise(let units): 3 * Double(units)
        case .repeated(let channels, _, _, _): square(channels) + Double(channels)
        case .series: 2 * matrixEntries
        case .dense, .blocks: matrixEntries
        }
    }

    /// The number of entries that are kept of the inverse.
    fileprivate var inverseEntries: Double {
        switch self {
        case .repeated(_, _, _, isExact: true): matrixEntries
        case .repeated(_, _, let hasBias, _): matrixEntries + Double(dimension + (hasBias ? 1 : 0))
        case .series(_, .symmetricLag): matrixEntries
        default: averageEntries
        }
    }

    /// The number of entries of all matrices that are inverted; 0 of diagonals.
    fileprivate var matrixEntries: Double {
        switch self {
        case .diagonal, .unitwise: return 0
        case .dense(let dimension, let groups): return Double(groups) * square(dimension)
        case .series(let dimension, _): return square(dimension)
        case .repeated(let channels, _, _, let isExact): return square(isExact ? dimension : channels)
        case .blocks(let layout):
            return Double(layout.groups) * (Double(layout.count) * square(layout.size) + square(layout.lastSize))
        }
    }

    /// The sum of n³ over the matrices of n rows that are inverted.
    fileprivate var inversionCubes: Double {
        func cube(_ number: Int) -> Double { square(number) * Double(number) }
        switch self {
        case .diagonal, .unitwise: return 0
        case .dense(let dimension, let groups): return Double(groups) * cube(dimension)
        case .series(let dimension, _): return cube(dimension)
        case .repeated(let channels, _, _, let isExact): return cube(isExact ? dimension : channels)
        case .blocks(let layout):
            return Double(layout.groups) * (Double(layout.count) * cube(layout.size) + cube(layout.lastSize))
        }
    }

    /// The number of entries if all were kept, of each group by itself.
    fileprivate var denseEntries: Double {
        let groups =
            switch self {
            case .dense(_, let groups): groups
            case .blocks(let layout): layout.groups
            default: 1
            }
        return Double(dimension) * Double(dimension) / Double(groups)
    }
}

private func square(_ number: Int) -> Double { Double(number) * Double(number) }

/// The bytes of so many elements, at most as many as an integer holds.
func byteCount(_ elements: Double, _ elementBytes: Int) -> Int {
    Int(min(elements * Double(elementBytes), 0x1p62))
}

/// Bytes as messages give them: "4.3 GB".
func bytes(_ count: Int) -> String {
    var (value, unit) = (Double(count), 0)
    let units = ["bytes", "kB", "MB", "GB", "TB", "PB", "EB"]
    while value >= 999.95, unit < units.count - 1 { (value, unit) = (value / 1000, unit + 1) }
    let tenths = (value * 10).rounded() / 10
    return unit == 0 ? "\(count) bytes" : "\(tenths) \(units[unit])"
}
