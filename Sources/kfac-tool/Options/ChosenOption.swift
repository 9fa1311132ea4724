import ArgumentParser

/// An option that decides what a run does: what was given for it, and what holds.
struct ChosenOption {
    /// The option as it is typed: "--damping".
    let name: String
    /// The given value; nil for none.
    let given: String?
    /// The given value, or else the default.
    let value: String

    init<Value>(_ name: String, _ given: Value?, default standard: @autoclosure () -> Value) {
        self.name = name
        self.given = given.map(Self.text)
        value = self.given ?? Self.text(standard())
    }

    /// An option that does nothing where it is not given.
    init<Value>(_ name: String, _ given: Value?) {
        self.name = name
        self.given = given.map(Self.text)
        value = self.given ?? "not given"
    }

    /// A flag.
    init(_ name: String, isGiven: Bool) {
        self.init(name, isGiven ? "on" : nil, default: "off")
    }

    private static func text<Value>(_ value: Value) -> String {
        (value as? any RawRepresentable).map { "\($0.rawValue)" } ?? "\(value)"
    }

    /// The options that two command lines choose otherwise, in words; nil where they choose the same.
    ///
    /// An option that differs only because its default follows from another option is not among them.
    static func difference(stored: [ChosenOption], current: [ChosenOption]) -> String? {
        let texts = zip(stored, current).filter { $0.given != $1.given && $0.value != $1.value }
            .map { "\($0.name) is \($0.value) there and \($1.value) here" }
        return texts.isEmpty ? nil : texts.joined(separator: ", ")
    }
}
