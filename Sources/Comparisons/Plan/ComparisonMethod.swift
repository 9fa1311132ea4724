/// A method that takes part in a comparison: an optimiser, and what tuning may choose for it.
public struct ComparisonMethod: Sendable, Hashable, Codable, CustomStringConvertible {
    /// An option of the optimiser, and its range.
    public struct Option: Sendable, Hashable, Codable {
        /// The name of the option.
        public var name: String
        /// Among which values tuning looks for the best.
        public var range: SearchRange

        /// Creates an option.
        public init(_ name: String, _ range: SearchRange) {
            self.name = name
            self.range = range
        }
    }

    /// The name of the method in reports and in names of files.
    public let label: String
    /// The optimiser's name; several methods may have the same one, with other options.
    public let optimizer: String
    /// The options, fixed ones included; the others keep the optimiser's defaults.
    public let options: [Option]

    /// Creates a method.
    ///
    /// - Parameters:
    ///   - label: See ``isValid(label:)``.
    ///   - options: At most 9 of which are not fixed, no name twice.
    public init(_ label: String, optimizer: String, options: [Option]) {
        guard Self.isValid(label: label) else { fatalError("ComparisonMethod: the label \(label)") }
        guard Set(options.map(\.name)).count == options.count else {
            fatalError("ComparisonMethod: an option of \(label) is given twice")
        }
        guard options.count(where: { !$0.range.isFixed }) <= Self.mostSearchedOptions else {
            fatalError("ComparisonMethod: \(label) has more than \(Self.mostSearchedOptions) options to search")
        }
        self.label = label
        self.optimizer = optimizer
        self.options = options
    }

    /// The most options of a method that can be searched.
    public static let mostSearchedOptions = SearchPoints.dimensions

    /// Whether a text can be a label: 1 to 40 letters and digits of ASCII, and "-", "_" and "." after the first.
    public static func isValid(label: String) -> Bool {
        label.wholeMatch(of: /[A-Za-z0-9][-A-Za-z0-9_.]{0,39}/) != nil
    }

    /// Whether there is something for tuning to choose.
    public var isTunable: Bool { options.contains { !$0.range.isFixed } }

    /// The settings of a trial.
    ///
    /// - Parameters:
    ///   - trial: The number of the trial, from 0.
    ///   - count: The number of trials.
    public func settings(ofTrial trial: Int, outOf count: Int) -> [Setting] {
        var dimension = 0
        return options.map { option in
            guard !option.range.isFixed else { return Setting(option.name, option.range.value(at: 0)) }
            let place = SearchPoints.coordinate(of: trial, outOf: count, dimension: dimension)
            dimension += 1
            return Setting(option.name, option.range.value(at: place))
        }
    }

    /// Those of its settings that tuning chooses, in one line.
    func chosenLine(_ settings: [Setting]) -> String {
        settings.filter { setting in options.contains { $0.name == setting.name && !$0.range.isFixed } }.line
    }

    /// The optimiser and its options: "adam: learning-rate 0.0001:0.1".
    public var description: String {
        let options = options.map { "\($0.name) \($0.range)" }
        return options.isEmpty ? optimizer : "\(optimizer): \(options.joined(separator: "; "))"
    }
}
