import Torch

/// A user's choices about the curvature of a model's parameters; by default none.
///
/// Names are those of parameters ("stages.0.1.weight") or of what contains them ("stages.0.1", "stages"); the longest
/// one that fits a parameter decides.
///
/// ```swift
/// var layers = LayerChoices()
/// layers.kinds[.scaleAndShift] = .full
/// layers.names["classifier"] = .diagonal
/// layers.linked = [LinkedParameters(["gains", "temperature"], approximation: .genericFull)]
/// layers.excluded = ["stem"]
/// layers.batchAxes["decoder"] = 1
/// ```
public struct LayerChoices: Sendable, Hashable, Codable {
    /// The approximation for all layers of a kind.
    public var kinds: [LayerKind: Approximation]
    /// The approximation by name, which goes before the one for the kind.
    ///
    /// All layers that a name contains must be able to have it. A bias by itself takes it where it can; in a model of
    /// several kinds of layers, ``kinds`` is often what is meant.
    public var names: [String: Approximation]
    /// Parameters that make up one block together, whatever is done with them.
    public var linked: [LinkedParameters]
    /// Names of parameters that are left as they are: not updated at all.
    public var excluded: [String]
    /// Names of parameters that have no block: the configuration's first-order rule moves them.
    public var firstOrder: [String]
    /// How parameters are treated for whose use no approximation is known, and for which none is chosen.
    public var unknown: Unknown
    /// The axis of the examples in the inputs and outputs of layers, by name: 1 for [time, batch, features].
    ///
    /// Only approximations that tell examples from positions need it: ``Approximation/Sharing/reduce``, time series,
    /// and the exact ones (`diagonal`, `full`, `unitwise`). If nothing is stated, the axis is the first one if no
    /// other has as many entries; else derivatives show which axis holds the examples, if there is only one.
    public var batchAxes: [String: Int]

    /// How parameters are treated for whose use no approximation is known.
    public enum Unknown: String, Sendable, Hashable, Codable {
        /// They get the diagonal of their summed gradients' second moment.
        case genericDiagonal
        /// The configuration's first-order rule moves them.
        case firstOrder
    }

    /// Makes choices.
    public init(
        kinds: [LayerKind: Approximation] = [:], names: [String: Approximation] = [:],
        linked: [LinkedParameters] = [], excluded: [String] = [], firstOrder: [String] = [],
        unknown: Unknown = .genericDiagonal, batchAxes: [String: Int] = [:]
    ) {
        self.kinds = kinds
        self.names = names
        self.linked = linked
        self.excluded = excluded
        self.firstOrder = firstOrder
        self.unknown = unknown
        self.batchAxes = batchAxes
    }

    /// The approximation chosen by name for a parameter, with the name that decides.
    func choice(for parameter: String) -> (name: String, approximation: Approximation)? {
        names.filter { Self.name($0.key, contains: parameter) }.max { $0.key.count < $1.key.count }
            .map { ($0.key, $0.value) }
    }

    /// The approximation of the layer of a weight, or of a bias by itself, and whether it was chosen.
    func approximation(
        for parameter: NamedParameter, _ kind: LayerKind, hasBias: Bool
    ) -> (choice: Approximation, isExplicit: Bool) {
        let choice = choice(for: parameter.name)
        // A choice for a whole layer is meant for its weight, and reaches a bias by itself only where it can.
        if let choice, kind != .bias || choice.name == parameter.name || choice.approximation.isForBiases {
            return (choice.approximation, true)
        }
        if let choice = kinds[kind] { return (choice, true) }
        return (kind.defaultApproximation(hasBias: hasBias, count: parameter.tensor.count), false)
    }

    /// The axis of the examples that is stated for a parameter's layer.
    func batchAxis(for parameter: String) -> Int? {
        batchAxes.filter { Self.name($0.key, contains: parameter) }.max { $0.key.count < $1.key.count }?.value
    }

    package func isExcluded(_ parameter: String) -> Bool { excluded.contains { Self.name($0, contains: parameter) } }

    package func isFirstOrder(_ parameter: String) -> Bool {
        firstOrder.contains { Self.name($0, contains: parameter) }
    }

    /// All names, in order.
    var allNames: [String] {
        (Array(names.keys) + Array(batchAxes.keys) + excluded + firstOrder + linked.flatMap(\.names)).sorted()
    }

    /// Whether a name is that of a parameter or of something around it.
    package static func name(_ name: String, contains parameter: String) -> Bool {
        parameter == name || parameter.hasPrefix(name + ".")
    }

    /// The names that are of none of the parameters, nor of anything around one.
    package static func unknown(_ names: some Collection<String>, among parameters: [String]) -> [String] {
        names.filter { name in !parameters.contains { Self.name(name, contains: $0) } }
    }
}
