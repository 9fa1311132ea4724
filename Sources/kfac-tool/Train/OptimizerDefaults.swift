import ArgumentParser
import KFAC

/// The methods to choose from, with the numbers that serve each best on the network and the images of `kfac train`.
enum OptimizationMethod: String, CaseIterable, ExpressibleByArgument {
    case kfac
    case sgd
    case adam

    /// The learning rate at the beginning.
    var learningRate: Double {
        switch self {
        case .kfac: 0.1
        case .sgd: 0.1
        case .adam: 0.003
        }
    }

    /// How the learning rate goes on.
    var decay: LearningRateDecay {
        switch self {
        case .kfac: .linear
        case .sgd: .linear
        case .adam: .linear
        }
    }

    /// The momentum; for Adam, the decay of the mean of the gradients.
    var momentum: Double {
        switch self {
        case .kfac: 0.9
        case .sgd: 0.9
        case .adam: 0.9
        }
    }
}

/// K-FAC's own numbers.
enum KFACDefaults {
    static let damping = 0.1
    static let statisticsPeriod = 1
    static let inversePeriod = 10
    static let normConstraint = 0.003
}

/// How a learning rate goes on over a run.
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
