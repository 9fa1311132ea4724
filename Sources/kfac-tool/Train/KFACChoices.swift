import ArgumentParser
import KFAC

/// How a preconditioned gradient becomes a step.
enum StepRuleName: String, CaseIterable, ExpressibleByArgument {
    case fixed
    case gradientMomentum = "gradient-momentum"
    case quadraticModel = "quadratic-model"
}

/// How the damping changes.
enum DampingRuleName: String, CaseIterable, ExpressibleByArgument {
    case fixed
    case adaptive
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
    case roundRobin = "round-robin"
    case background
    case whenStale = "when-stale"
}

/// K-FAC's numbers for a problem.
struct KFACDefaults {
    static let statisticsPeriod = 1
    static let dampingSplit = DampingSplitName.traceRatio
    static let estimation = EstimationName.sampled
    static let inverseSchedule = InverseScheduleName.together
    static let staleness = 0.25
    static let burnIn = 0
    static let dimensionLimit = FactorSettings().dimensionLimit

    var rule = StepRuleName.fixed
    var learningRate = 0.1
    var momentum = 0.9
    var damping = 0.1
    var dampingRule = DampingRuleName.fixed
    var dampingInterval = 5
    var dampingDecay = 0.95
    var minimumDamping = 1e-8
    var normConstraint = 0.003
    var statisticsFraction = 1.0
    var modelFraction = 1.0
    var inversePeriod = 10
    var l2 = 0.0

    /// The numbers that serve a problem best.
    init(_ problem: ProblemName) {
        switch problem {
        case .convolutional, .rows, .residual: break
        case .poisson: damping = 0.01
        case .autoencoder:
            rule = .quadraticModel
            damping = 0.3
            dampingRule = .adaptive
            dampingDecay = 0.8
            minimumDamping = 0.003
            statisticsFraction = 0.25
            modelFraction = 0.125
            inversePeriod = 5
            // In units of the loss, which of an image's 784 pixels is large; for the rules that need them.
            learningRate = 0.3
            normConstraint = 100
        }
    }

    /// The default of each problem that differs from the others', for the help.
    static func forHelp<Value: Equatable>(_ value: (KFACDefaults) -> Value) -> String {
        func text(_ value: Value) -> String { (value as? any RawRepresentable).map { "\($0.rawValue)" } ?? "\(value)" }
        let values = ProblemName.allCases.map { ($0, value(KFACDefaults($0))) }
        let others = values.filter { $0.1 != values[0].1 }.map { ", \($0.0.rawValue) \(text($0.1))" }
        return "(default: \(text(values[0].1))\(others.joined()))"
    }
}
