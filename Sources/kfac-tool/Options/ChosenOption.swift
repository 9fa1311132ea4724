/// An option that decides what a run does: what was given for it, and what holds.
struct ChosenOption {
    /// The option as it is typed: "--damping".
    let name: String
    /// The given value; nil for none.
    let given: String?
    /// The given value, or else the default.
    let value: String

    /// Creates one of what was parsed.
    ///
    /// - Parameter standard: The default; nil for an option that does nothing where it is not given.
    init(_ option: DeclaredOption, default standard: Any?) {
        name = option.name
        given = option.text
        value = given ?? (option.isFlag ? "off" : standard.map(DeclaredOption.text) ?? "not given")
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
