/// How the second moments of a layer's inputs and gradients are formed; all forms give the same matrix.
public enum StatisticsForm: String, Sendable, Hashable, Codable, CaseIterable {
    /// For each layer the form that should be the fastest.
    case automatic
    /// The definition: all vectors in memory, a convolution's patches too, and one general matrix product.
    case plain
}
