/// How the curvature of a layer's parameters is approximated.
///
/// Each case says which ``LayerKind`` it fits; a choice that does not fit is an error of the first step. The
/// names are those of the original's successor in parentheses.
public enum Approximation: Sendable, Hashable, Codable {
    /// A Kronecker product of the moments of inputs and output gradients (`kron`, `kron_indep`, and with diagonal
    /// structures `kron_in_diag`, `kron_out_diag`, `kron_both_diag`).
    ///
    /// For linear layers, convolutions of all kinds and embeddings; for tied weights the sum of one such product for
    /// each kind of use, with dense structures only. Diagonal structures are for linear layers and, on the output side,
    /// for embeddings, whose input side is always diagonal; ``Sharing/reduce`` is for linear layers and convolutions.
    /// Dense structures are cut into blocks beyond ``FactorSettings/dimensionLimit``.
    case kronecker(input: Structure = .dense, output: Structure = .dense, sharing: Sharing = .expand)
    /// A Kronecker product that takes the pixels of a patch for uncorrelated (`kron_sua`): for convolutions of one
    /// group.
    case uncorrelatedPixels
    /// The closed form of a linear Gaussian chain (`kron_series_1`, `kron_series_2`), for linear layers that are used
    /// once for each step of a time series: in several calls with [batch, features] or one with [batch, time,
    /// features].
    case timeSeries(TimeSeriesForm)
    /// The exact diagonal, from each example's gradient (`diagonal`): for linear layers, convolutions, biases and
    /// scale-and-shift.
    case diagonal
    /// All entries, exactly, from each example's gradient (`full`): for biases and scale-and-shift.
    case full
    /// The exact 2x2 matrix of each scale with its shift: for scale-and-shift with a shift.
    case unitwise
    /// A noisy diagonal from the gradient of the whole batch (generic `diagonal`): for any parameters.
    case genericDiagonal
    /// A noisy matrix with all entries from the gradient of the whole batch (generic `full`): for any few parameters.
    case genericFull
    /// A block of one's own, made by the ``BlockMaker`` for the operation's name: for ``LayerKind/custom``.
    case custom

    /// Which entries of a Kronecker factor are kept.
    public enum Structure: String, Sendable, Hashable, Codable {
        /// All.
        case dense
        /// Those of the diagonal.
        case diagonal
    }

    /// How the positions at which a layer is applied are treated: the pixels of an image, the tokens of a text.
    ///
    /// (Eschenhagen et al. 2023.)
    public enum Sharing: String, Sendable, Hashable, Codable {
        /// Each position counts as an example of its own: F ≈ T · E[g gᵀ] ⊗ E[a aᵀ] over examples and T positions.
        /// Exact for deep linear networks with a loss at each position. That of KFC (Grosse & Martens 2016).
        case expand
        /// Inputs are averaged and gradients summed over positions first: F ≈ E[ĝ ĝᵀ] ⊗ E[â âᵀ] over examples. Exact
        /// for deep linear networks that average or sum over positions before the loss.
        case reduce
    }

    /// How steps of a time series go together (Martens, Ba & Johnson 2018, section 3.5).
    public enum TimeSeriesForm: String, Sendable, Hashable, Codable {
        /// Neighbouring steps' covariance taken as symmetric: the original's *option 1*.
        case symmetricLag
        /// The limit of long series: the original's *option 2*.
        case longSeries
    }
}

extension Approximation: CustomStringConvertible {
    /// The name in messages.
    public var description: String {
        switch self {
        case .kronecker(let input, let output, let sharing):
            "kronecker (input \(input), output \(output), \(sharing))"
        case .uncorrelatedPixels: "uncorrelatedPixels"
        case .timeSeries(let form): "timeSeries (\(form))"
        case .diagonal: "diagonal"
        case .full: "full"
        case .unitwise: "unitwise"
        case .genericDiagonal: "genericDiagonal"
        case .genericFull: "genericFull"
        case .custom: "custom"
        }
    }
}
