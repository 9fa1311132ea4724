import ArgumentParser
import KFAC

/// The methods to choose from, with the numbers that serve each best on the network and the images of `kfac train`.
enum OptimizationMethod: String, CaseIterable, ExpressibleByArgument {
    case kfac
    case sgd
    case adam
    case adamw
    case shampoo
    case soap
    case muon

    /// The learning rate at the beginning.
    var learningRate: Double {
        switch self {
        case .kfac: 0.1
        case .sgd: 0.1
        case .adam, .adamw, .soap: 0.003
        case .shampoo: 0.001
        case .muon: 0.02
        }
    }

    /// How the learning rate changes.
    var decay: LearningRateDecay { .linear }

    /// The momentum; for methods after Adam, the decay of the mean of the gradients.
    var momentum: Double {
        switch self {
        case .kfac, .sgd, .adam, .adamw, .shampoo: 0.9
        case .soap, .muon: 0.95
        }
    }

    /// The weight decay; nil for methods without.
    var weightDecay: Double? {
        switch self {
        case .kfac, .adam: nil
        case .sgd, .shampoo, .soap, .muon: 0
        case .adamw: 0.01
        }
    }

    /// The number of steps between new inverses, roots or eigenbases; nil for methods without.
    var inversePeriod: Int? {
        switch self {
        case .kfac, .shampoo, .soap: 10
        case .sgd, .adam, .adamw, .muon: nil
        }
    }
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
