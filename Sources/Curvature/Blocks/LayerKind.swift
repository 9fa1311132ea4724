public import Torch

/// The kind of operation that a layer does with its parameters.
public enum LayerKind: String, Sendable, Hashable, Codable, CodingKeyRepresentable, CaseIterable {
    /// s = x Wᵀ + b, or s = x W.
    case linear
    /// A convolution of one group.
    case convolution
    /// A convolution of several groups, depthwise ones among them.
    case groupedConvolution
    /// A transposed convolution of any number of groups.
    case transposedConvolution
    /// A choice of rows.
    case embedding
    /// s = γ ∘ x + β, as after a normalisation.
    case scaleAndShift
    /// A weight that linear layers use as it is and transposed, or that an embedding shares with a linear layer: tied
    /// weights.
    case tied
    /// A bias that cannot be treated together with a weight: that of a transposed convolution or of a weight that is
    /// not optimised, one that several weights share, one that a weight is used with and without.
    case bias
    /// An operation of one's own that has a ``BlockMaker``.
    case custom
    /// Parameters that are used otherwise, or in different ways.
    case other

    /// The kind of an operation.
    public init(_ operation: LayerUse.Operation) {
        switch operation {
        case .linear, .transposedLinear: self = .linear
        case .convolution(let geometry) where geometry.isTransposed: self = .transposedConvolution
        case .convolution(let geometry): self = geometry.groups > 1 ? .groupedConvolution : .convolution
        case .embedding: self = .embedding
        case .scaleAndShift: self = .scaleAndShift
        case .custom: self = .custom
        }
    }

    /// The approximation that is used if none is chosen.
    ///
    /// For scale-and-shift the closed 2x2 form (without shifts: the diagonal), where the successor takes the full
    /// matrix, whose cost grows with the cube of the number of channels. For biases by themselves the full matrix up to
    /// 1,024 entries, from then on the diagonal.
    ///
    /// - Parameters:
    ///   - hasBias: Whether there is a bias, or a shift, that goes with the weight.
    ///   - count: The number of entries of the weight, or of the bias by itself.
    public func defaultApproximation(hasBias: Bool, count: Int) -> Approximation {
        switch self {
        case .linear, .convolution, .groupedConvolution, .transposedConvolution, .embedding, .tied: .kronecker()
        case .scaleAndShift: hasBias ? .unitwise : .diagonal
        case .bias: count <= 1024 ? .full : .diagonal
        case .custom: .custom
        case .other: .genericDiagonal
        }
    }
}
