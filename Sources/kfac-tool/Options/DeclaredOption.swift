import ArgumentParser
import Synchronization

/// An option of a command as the property declares it that the command is parsed into.
///
/// What a run is compared by and what is stored of it is read from these, so that a new option is part of both as soon
/// as it is declared.
struct DeclaredOption {
    /// The name of the property: "dampingInterval".
    let property: String
    /// The option as it is typed: "--damping-interval"; of a flag that is on by default, its opposite: "--no-guards".
    let name: String
    /// The value; nil where the option is not given and has no default of its own.
    let value: Any?
    /// Whether it is a flag.
    let isFlag: Bool

    /// Whether the option is given; one with a default of its own always is.
    var isGiven: Bool { isFlag ? value as? Bool == true : value != nil }

    /// The value as text; nil where the option is not given.
    var text: String? {
        guard isGiven, let value else { return nil }
        return isFlag ? "on" : Self.text(value)
    }

    /// A value as it is typed.
    static func text(_ value: Any) -> String {
        (value as? any RawRepresentable).map { "\($0.rawValue)" } ?? "\(value)"
    }

    /// The options of parsed arguments, those of the groups in them included, in the order of their declaration.
    static func all(of arguments: any ParsableArguments) -> [DeclaredOption] {
        properties(of: arguments).flatMap { property, value -> [DeclaredOption] in
            switch value {
            case let group as any DeclaredGroup: all(of: group.arguments)
            case let flag as Flag<Bool>:
                [
                    DeclaredOption(
                        flag: property, flag.wrappedValue,
                        isOnByDefault: flagsOnByDefault(type(of: arguments)).contains(property))
                ]
            case let option as any DeclaredValue:
                [DeclaredOption(property: property, name: name(property), value: option.declared, isFlag: false)]
            default: []
            }
        }
    }

    /// The names of the options of a group, those of the groups in it not included.
    static func names(in group: any ParsableArguments.Type) -> Set<String> {
        Set(properties(of: group.init()).map { name($0.property) })
    }

    private init(property: String, name: String, value: Any?, isFlag: Bool) {
        (self.property, self.name) = (property, name)
        (self.value, self.isFlag) = (value, isFlag)
    }

    private init(flag property: String, _ isOn: Bool, isOnByDefault: Bool) {
        let name = Self.name(property)
        self.init(
            property: property, name: isOnByDefault ? "--no-\(name.dropFirst(2))" : name, value: isOn != isOnByDefault,
            isFlag: true)
    }

    /// The flags of a group that are on where nothing is given.
    private static func flagsOnByDefault(_ group: any ParsableArguments.Type) -> Set<String> {
        let key = ObjectIdentifier(group)
        if let known = knownFlags.withLock({ $0[key] }) { return known }
        let standard = (try? group.parse([])).map { properties(of: $0) } ?? []
        let flags = Set(standard.filter { ($0.value as? Flag<Bool>)?.wrappedValue == true }.map(\.property))
        knownFlags.withLock { $0[key] = flags }
        return flags
    }

    /// The flags of the groups that were asked for; to parse a group takes long.
    private static let knownFlags = Mutex<[ObjectIdentifier: Set<String>]>([:])

    /// The wrappers of the properties; `_dampingInterval` is that of `dampingInterval`.
    private static func properties(of arguments: any ParsableArguments) -> [(property: String, value: Any)] {
        Mirror(reflecting: arguments).children.compactMap { child in
            child.label.flatMap { $0.hasPrefix("_") ? (String($0.dropFirst()), child.value) : nil }
        }
    }

    private static func name(_ property: String) -> String {
        "--" + property.map { $0.isUppercase ? "-\($0.lowercased())" : String($0) }.joined()
    }
}

/// The wrapper of an option.
private protocol DeclaredValue {
    /// The value; nil for none.
    var declared: Any? { get }
}

extension Option: DeclaredValue {
    fileprivate var declared: Any? {
        let mirror = Mirror(reflecting: wrappedValue)
        return mirror.displayStyle == .optional ? mirror.children.first?.value : wrappedValue
    }
}

/// The wrapper of a group of options.
private protocol DeclaredGroup {
    var arguments: any ParsableArguments { get }
}

extension OptionGroup: DeclaredGroup {
    fileprivate var arguments: any ParsableArguments { wrappedValue }
}
