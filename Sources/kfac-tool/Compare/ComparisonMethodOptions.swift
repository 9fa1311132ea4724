import ArgumentParser
import Comparisons
import KFAC
import Torch
import Training

/// Who takes part in a comparison, and what tuning may choose.
struct ComparisonMethodOptions: ParsableArguments {
    @Option(
        name: .customLong("method"),
        help: ArgumentHelp(
            "A method that takes part, by its optimizer's name (see 'kfac train --help'), or LABEL=OPTIMIZER for one "
                + "with options of its own; once for each. (default: \(Self.defaultMethods.joined(separator: ", ")))",
            valueName: "method"))
    var methods: [String] = []

    @Option(
        help: ArgumentHelp(
            "What to try for an option of a method: METHOD.OPTION=LOW:HIGH, evenly in the logarithm, or a list of "
                + "values separated by commas; a single value is fixed. Options are those of 'kfac train', flags are "
                + "on or off. Once for each option.",
            discussion: """
                By default: \(Self.defaultSearches(.convolutional, OptimizationMethod.all)); \
                for \(BuiltInProblem.autoencoder) \(Self.defaultSearches(.autoencoder, [.kfac])).
                """, valueName: "search"))
    var search: [String] = []

    @Option(
        help: ArgumentHelp(
            "How the learning rates of all methods go on from where they begin.", valueName: "schedule"))
    var learningRateSchedule = LearningRateDecay.linear

    private static let defaultMethods = ["kfac", "sgd", "adam"]

    private static func defaultSearches(_ problem: BuiltInProblem, _ methods: [OptimizationMethod]) -> String {
        methods.map { method in
            method.search(problem, nil).map { "\(method).\($0.name)=\($0.range)" }
                .joined(separator: " ")
        }.joined(separator: ", ")
    }

    /// The methods with all that is searched or fixed for a problem.
    func comparisonMethods(for problem: BuiltInProblem) throws -> [ComparisonMethod] {
        var entrants: [Entrant] = []
        for text in methods.isEmpty ? Self.defaultMethods : methods {
            let entrant = try Entrant(text, problem)
            guard !entrants.contains(where: { $0.label == entrant.label }) else {
                throw ValidationError("--method \(entrant.label) is given twice: give one of them another label.")
            }
            entrants.append(entrant)
        }
        for text in search { try apply(text, to: &entrants) }
        return try entrants.map { entrant in
            var entrant = entrant
            if !entrant.options.contains(where: { $0.name == "learning-rate-schedule" }) {
                entrant.options.append(.init("learning-rate-schedule", .values([learningRateSchedule.rawValue])))
            }
            return try entrant.method()
        }
    }

    /// Takes `METHOD.OPTION=VALUES` over.
    private func apply(_ text: String, to entrants: inout [Entrant]) throws {
        guard let match = text.wholeMatch(of: /([^=]+)\.([^.=]+)=(.*)/) else {
            throw ValidationError("--search needs METHOD.OPTION=VALUES; \(text) was given.")
        }
        let (label, name) = (String(match.1), String(match.2))
        guard let index = entrants.firstIndex(where: { $0.label == label }) else {
            let labels = entrants.map(\.label).joined(separator: ", ")
            throw ValidationError("--search \(text) is for a method that takes no part; the methods are \(labels).")
        }
        guard let range = SearchRange(String(match.3)) else {
            throw ValidationError(
                "--search \(text) has no values: LOW:HIGH needs two positive numbers, the lower one first, and a list "
                    + "needs values separated by commas.")
        }
        guard name != "optimizer" else {
            throw ValidationError("--search \(text) changes the optimizer: give it by --method LABEL=OPTIMIZER.")
        }
        guard entrants[index].given.insert(name).inserted else {
            throw ValidationError("--search \(label).\(name) is given twice.")
        }
        entrants[index].set(name, range)
        if name == "step-rule", case .values(let values) = range, values.count == 1 {
            entrants[index].search(with: StepRuleName(rawValue: values[0]))
        }
    }
}

/// A method that is not checked yet.
private struct Entrant {
    let label: String
    let optimizer: OptimizationMethod
    var options: [ComparisonMethod.Option]
    /// The options that the command line is about.
    var given: Set<String> = []

    private let problem: BuiltInProblem

    /// Sets what is tried of an option.
    mutating func set(_ name: String, _ range: SearchRange) {
        if let known = options.firstIndex(where: { $0.name == name }) {
            options[known].range = range
        } else {
            options.append(.init(name, range))
        }
    }

    /// Searches by default what suits a step rule; what is given stays.
    mutating func search(with rule: StepRuleName?) {
        let own = options.filter { given.contains($0.name) }
        options = optimizer.search(problem, rule)
        for option in own { set(option.name, option.range) }
    }

    /// Reads `OPTIMIZER` or `LABEL=OPTIMIZER`.
    init(_ text: String, _ problem: BuiltInProblem) throws {
        let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        label = parts[0]
        guard ComparisonMethod.isValid(label: label) else {
            throw ValidationError(
                "--method \(text): a label has 1 to 40 letters, digits, '-', '_' and '.', the first a letter or digit.")
        }
        guard let optimizer = OptimizationMethod(argument: parts.last ?? "") else {
            let names = OptimizationMethod.allValueStrings.joined(separator: ", ")
            throw ValidationError("--method \(text): there is no optimizer of that name; there are \(names).")
        }
        self.optimizer = optimizer
        self.problem = problem
        options = optimizer.search(problem, nil)
    }

    /// The method, once all values of its options are known to be understood.
    func method() throws -> ComparisonMethod {
        guard options.count(where: { !$0.range.isFixed }) <= ComparisonMethod.mostSearchedOptions else {
            throw ValidationError(
                "--search: \(label) has more than \(ComparisonMethod.mostSearchedOptions) options to search: fix some.")
        }
        // All at once, because each reading takes long; one by one where that is refused, to find which.
        let samples = options.map { option in option.range.samples.map { Setting(option.name, $0) } }
        let rows = (0..<(samples.map(\.count).max() ?? 0)).map { row in samples.compactMap { $0.dropFirst(row).first } }
        let areUnderstood = rows.allSatisfy { (try? OptimizerOptions(optimizer: optimizer.name, $0)) != nil }
        for option in options where !areUnderstood {
            for value in option.range.samples {
                do { _ = try OptimizerOptions(optimizer: optimizer.name, [Setting(option.name, value)]) } catch {
                    // Help is an option of the command only, and no reason to end well.
                    let isRefusal = !OptimizerOptions.exitCode(for: error).isSuccess
                    let message =
                        isRefusal ? OptimizerOptions.message(for: error) : "Unknown option '--\(option.name)'"
                    throw ValidationError("--search \(label).\(option.name)=\(option.range): \(message)")
                }
            }
        }
        return ComparisonMethod(label, optimizer: optimizer.name, options: options)
    }
}

extension SearchRange {
    /// Values that stand for all of the range.
    fileprivate var samples: [String] {
        switch self {
        case .logUniform(let from, let to): ["\(from)", "\(to)"]
        case .values(let values): values
        }
    }
}

extension OptimizerOptions {
    /// The options of `kfac train` that settings stand for.
    init(optimizer: String, _ settings: [Setting]) throws {
        var arguments = ["--optimizer", optimizer]
        for setting in settings {
            switch setting.value {
            case "on": arguments.append("--\(setting.name)")
            case "off": break
            default: arguments.append("--\(setting.name)=\(setting.value)")
            }
        }
        self = try OptimizerOptions.parse(arguments)
    }
}
