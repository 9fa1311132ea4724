/// Parameters that make up one block together.
public struct LinkedParameters: Sendable, Hashable, Codable {
    /// Names of parameters, or of what contains them.
    public var names: [String]
    /// ``Approximation/genericFull`` or ``Approximation/genericDiagonal``.
    public var approximation: Approximation

    /// Links parameters.
    public init(_ names: [String], approximation: Approximation = .genericFull) {
        self.names = names
        self.approximation = approximation
    }

    func contains(_ parameter: String) -> Bool { names.contains { LayerChoices.name($0, contains: parameter) } }
}
