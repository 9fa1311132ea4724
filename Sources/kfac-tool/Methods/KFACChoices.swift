import ArgumentParser
import KFAC

/// How a preconditioned gradient becomes a step.
enum StepRuleName: String, CaseIterable, ExpressibleByArgument {
    case fixed
    case gradientMomentum = "gradient-momentum"
    case quadraticModel = "quadratic-model"
    case eigenbasisMoments = "eigenbasis-moments"
    case grafted
}

/// How the damping changes.
enum DampingRuleName: String, CaseIterable, ExpressibleByArgument {
    case fixed
    case adaptive
    case relative
}

/// How factors share the damping.
enum DampingSplitName: String, CaseIterable, ExpressibleByArgument {
    case traceRatio = "trace-ratio"
    case even
    case exact

    var split: DampingSplit {
        switch self {
        case .traceRatio: .traceRatio
        case .even: .even
        case .exact: .exact
        }
    }
}

/// What the eigenvalues of the curvature come from.
enum EigenvalueSourceName: String, CaseIterable, ExpressibleByArgument {
    case factors
    case examples

    var source: EigenvalueSource {
        switch self {
        case .factors: .factors
        case .examples: .examples
        }
    }
}

/// How the curvature is estimated.
enum EstimationName: String, CaseIterable, ExpressibleByArgument {
    case sampled
    case empirical
    case exact
    case curvaturePropagation = "curvature-propagation"

    var estimation: Estimation {
        switch self {
        case .sampled: .sampled()
        case .empirical: .empirical
        case .exact: .exact
        case .curvaturePropagation: .curvaturePropagation()
        }
    }
}

/// When inverses are computed.
enum InverseScheduleName: String, CaseIterable, ExpressibleByArgument {
    case together
    case growing
    case roundRobin = "round-robin"
    case background
    case whenStale = "when-stale"
}

/// K-FAC's choices and numbers for a problem, by the names of the properties of ``KFACOptions``.
struct KFACDefaults {
    var stepRule = StepRuleName.fixed
    var cautious = false
    var damping = 0.1
    var dampingRule = DampingRuleName.fixed
    var dampingInterval = 5
    var dampingDecay = 0.95
    var minimumDamping = 1e-8
    var dampingSplit = DampingSplitName.traceRatio
    var eigenvalues = EigenvalueSourceName.factors
    var normConstraint = 0.003
    var estimation = EstimationName.sampled
    var statisticsPeriod = 1
    var statisticsFraction = 1.0
    var modelFraction = 1.0
    var inverseSchedule = InverseScheduleName.together
    var staleness = 0.25
    var burnIn = 0
    var dimensionLimit = FactorSettings().dimensionLimit
    var l2 = 0.0

    /// The numbers of a step rule, in the place of those of the method.
    struct Numbers {
        let rule: StepRuleName
        let inversePeriod: Int
        let learningRate: Double
        let momentum: Double
    }

    /// Those of the rules that have such.
    static let numbers = [
        Numbers(rule: .eigenbasisMoments, inversePeriod: 40, learningRate: 0.007, momentum: 0.95),
        Numbers(rule: .grafted, inversePeriod: 5, learningRate: 0.005, momentum: 0.95),
    ]

    /// The choices and numbers beside a step rule, which has some of its own.
    ///
    /// - Parameter rule: One that is chosen; nil for the problem's own.
    func beside(_ rule: StepRuleName?) -> KFACDefaults {
        var defaults = self
        defaults.stepRule = rule ?? stepRule
        switch defaults.stepRule {
        case .fixed, .gradientMomentum, .quadraticModel: break
        case .eigenbasisMoments:
            defaults.dampingRule = .fixed
            defaults.statisticsPeriod = 8
            defaults.statisticsFraction = 0.125
            defaults.inverseSchedule = .growing
        case .grafted:
            defaults.damping = 0.1
            defaults.dampingRule = .relative
            defaults.statisticsPeriod = 4
            defaults.statisticsFraction = 0.25
        }
        return defaults
    }

    /// Those that serve most problems, with changes.
    init(_ change: (inout KFACDefaults) -> Void = { _ in }) { change(&self) }

    /// Those of problems whose gradients are noisy.
    static let smallBatches = KFACDefaults { $0.stepRule = .eigenbasisMoments }

    /// All of them by the names of the properties.
    var all: [String: Any] {
        Dictionary(uniqueKeysWithValues: Mirror(reflecting: self).children.map { ($0.label!, $0.value) })
    }

    /// The default of each problem that differs from the others', for the help.
    static func forHelp<Value: Equatable>(_ value: (KFACDefaults) -> Value) -> String {
        let values = BuiltInProblem.all.map { ($0.name, value($0.kfac)) }
        var others = values.filter { $0.1 != values[0].1 }.map { ", \($0.0) \(DeclaredOption.text($0.1))" }
        for rule in numbers.map(\.rule) {
            let own = value(BuiltInProblem.all[0].kfac.beside(rule))
            if own != values[0].1, own as? StepRuleName != rule {
                others.append(", with --step-rule \(rule.rawValue) \(DeclaredOption.text(own))")
            }
        }
        return "(default: \(DeclaredOption.text(values[0].1))\(others.joined()))"
    }
}
