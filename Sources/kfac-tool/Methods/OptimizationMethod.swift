import ArgumentParser
import Comparisons
import KFAC

/// A method of the command in one value, which help, defaults, checks, runs and comparisons read.
///
/// A new one is a value beside those of ``all``, and a line in that list. Its numbers are those that serve it best on
/// the network and the images of `kfac train`.
struct OptimizationMethod: Sendable {
    /// The name on the command line.
    let name: String
    /// The learning rate at the beginning.
    let learningRate: Double
    /// The momentum; for methods after Adam, the decay of the mean of the gradients.
    var momentum = 0.9
    /// The weight decay; nil for methods without.
    var weightDecay: Double?
    /// The number of steps between new inverses, roots or eigenbases; nil for methods without.
    var inversePeriod: Int?
    /// Those of the options that only some methods have, besides those of the numbers above: "--nesterov".
    var ownOptions: Set<String> = []
    /// The options that comparisons search by default; for K-FAC, with a step rule that is chosen.
    let search: @Sendable (BuiltInProblem, StepRuleName?) -> [ComparisonMethod.Option]
    /// Configures the optimiser.
    let setup: @Sendable (MethodSettings) -> OptimizerSetup

    /// All methods, in the order of the help.
    static let all: [OptimizationMethod] = [kfac, sgd, adam, adamw, shampoo, soap, klShampoo, klSOAP, muon]

    /// How the learning rate changes.
    static let learningRateSchedule = LearningRateDecay.linear

    /// Those of the options that only some methods have.
    var options: Set<String> {
        ownOptions.union(weightDecay == nil ? [] : ["--weight-decay"])
            .union(inversePeriod == nil ? [] : ["--inverse-period"])
    }

    /// Whether the options of K-FAC are the method's.
    var hasCurvature: Bool { options.isSuperset(of: DeclaredOption.names(in: KFACOptions.self)) }

    /// A default that depends on the method, for the help; methods without it are left out.
    ///
    /// - Parameter ruleValue: That of K-FAC with a step rule that has another one.
    static func byMethod<Value>(
        _ value: (OptimizationMethod) -> Value?, _ ruleValue: ((KFACDefaults.Numbers) -> Value)? = nil
    ) -> String {
        let pairs = all.compactMap { method in value(method).map { (method, "\($0)") } }
        let own =
            ruleValue.map { value in
                KFACDefaults.numbers.map { ", kfac with --step-rule \($0.rule.rawValue) \(value($0))" }.joined()
            } ?? ""
        if Set(pairs.map(\.1)).count == 1 { return "(default: \(pairs[0].1)\(own))" }
        return "(default: \(pairs.map { "\($0.0.name) \($0.1)" }.joined(separator: ", "))\(own))"
    }
}

extension OptimizationMethod: ExpressibleByArgument, CustomStringConvertible {
    init?(argument: String) {
        guard let method = Self.all.first(where: { $0.name == argument }) else { return nil }
        self = method
    }

    static var allValueStrings: [String] { all.map(\.name) }
    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

    /// The name.
    var description: String { name }
}

/// How a learning rate changes over a run.
enum LearningRateDecay: String, CaseIterable, ExpressibleByArgument {
    case constant
    case linear
    case cosine

    /// The learning rate of each step: as it begins, or falling to zero over the run.
    func schedule(from rate: Double, steps: Int) -> Schedule {
        switch self {
        case .constant: .constant(rate)
        case .linear: .linear(from: rate, to: 0, steps: steps)
        case .cosine: .cosine(from: rate, to: 0, steps: steps)
        }
    }
}
