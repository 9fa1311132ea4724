public import Torch

/// The curvature of some parameters as one factor, on the parameters' entries behind one another: F ≈ C.
///
/// The damping λ is added to it as it is, in units of the mean loss's curvature. These are the blocks that are exact in
/// what they keep (diagonals, scale-and-shift, biases), and the generic ones for parameters of which nothing is known.
public final class FactorBlock: CurvatureBlock {
    public let name: String
    public let parameters: [NamedParameter]
    public let needsParameterGradients: Bool
    /// C, the curvature of the mean loss.
    public let factor: any FisherFactor

    private let update: (BlockStatistics) -> Void

    /// Creates a block of a factor that `update` moves.
    ///
    /// - Parameters:
    ///   - parameters: In the order of the factor's coordinates, each in its own memory's order.
    ///   - factor: As large as the parameters have entries together.
    ///   - needsParameterGradients: Whether `update` wants ``BlockStatistics/parameterGradients``.
    ///   - update: Moves the factor by a batch.
    public init(
        _ parameters: [NamedParameter], factor: any FisherFactor, needsParameterGradients: Bool = false,
        update: @escaping (BlockStatistics) -> Void
    ) {
        guard parameters.reduce(0, { $0 + $1.tensor.count }) == factor.dimension else {
            fatalError(
                "FactorBlock: a factor of dimension \(factor.dimension) for \(parameters.map(\.name)) of shapes "
                    + "\(parameters.map(\.tensor.shape))")
        }
        self.parameters = parameters
        name = layerName(of: parameters)
        self.factor = factor
        self.needsParameterGradients = needsParameterGradients
        self.update = update
    }

    public func updateStatistics(_ statistics: BlockStatistics) { update(statistics) }

    public func curvature(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try factor.average.damped(by: damping)
    }

    public func examination(damping: Double, isTight: Bool) -> BlockExamination {
        examination(of: factor.average, damping: damping, isTight: isTight)
    }

    public var meanDiagonal: Double { factor.meanDiagonal }

    public func diagonalInverse(damping: Double) throws(LinearAlgebraError) -> any SymmetricOperator {
        try factor.average.diagonalPart().dampedInverse(damping)
    }

    public func preciseInverse(damping: Double) throws(LinearAlgebraError) -> (any SymmetricOperator)? {
        if isDoublePrecision { return nil }
        return try factor.average.converted(to: .float64).dampedInverse(damping).converted(to: .float32)
    }

    public func restartStatistics() { factor.restart() }

    public func save(to snapshot: inout Snapshot) { snapshot.under("factor") { factor.save(to: &$0) } }

    public func restore(from reader: SnapshotReader) { factor.restore(from: reader.under("factor")) }

    public func vector(from tensors: [Tensor]) -> Tensor {
        Tensor.concatenate(tensors.map { $0.flattened() }).expanded(at: 1)
    }

    public func tensors(from vector: Tensor) -> [Tensor] {
        var start = 0
        return parameters.map { parameter in
            defer { start += parameter.tensor.count }
            return vector[start..<(start + parameter.tensor.count)].reshaped(parameter.tensor.shape)
        }
    }
}
