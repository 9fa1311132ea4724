/// The value of a method's option: ("learning-rate", "0.01").
public struct Setting: Sendable, Hashable, Codable, CustomStringConvertible {
    /// The name of the option.
    public var name: String
    /// The value, as it is written.
    public var value: String

    /// Creates a setting.
    public init(_ name: String, _ value: String) {
        self.name = name
        self.value = value
    }

    /// The name and the value: "learning-rate 0.01".
    public var description: String { "\(name) \(value)" }
}

extension [Setting] {
    /// All of them in one line: "learning-rate 0.01, damping 0.1".
    var line: String { map(\.description).joined(separator: ", ") }
}
