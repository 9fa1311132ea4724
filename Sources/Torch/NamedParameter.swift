/// A parameter and the name by which messages, reports and files call it.
public struct NamedParameter: Sendable {
    /// The name, unique in the model.
    public let name: String
    /// The tensor, which optimisers write in place.
    public let tensor: Tensor

    /// Pairs a name with a parameter.
    public init(_ name: String, _ tensor: Tensor) {
        self.name = name
        self.tensor = tensor
    }
}
