/// How the second moments of a layer's inputs and gradients are formed; all forms give the same matrix.
public enum StatisticsForm: String, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {
    /// For each layer the form that should be the fastest, by ``CostModel``.
    case automatic
    /// The definition: all vectors in memory, a convolution's patches too, and one general matrix product.
    case plain
    /// A convolution's patches in memory, but half of a general product, as the result is symmetric.
    case patches
    /// Without patches: the products of an image with its shifted self, divided at the edges.
    case lags
    /// Without patches: products of an image with windows of its shifted self, in larger matrices.
    case windowedLags

    /// The form's name for people.
    public var description: String {
        switch self {
        case .automatic: "automatic"
        case .plain: "plain patches"
        case .patches: "symmetric patches"
        case .lags: "lags"
        case .windowedLags: "windowed lags"
        }
    }
}
