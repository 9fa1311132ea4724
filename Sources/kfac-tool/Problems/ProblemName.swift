import ArgumentParser
import TorchNN

/// The problems to choose from.
enum ProblemName: String, CaseIterable, ExpressibleByArgument, Encodable {
    /// A convolutional network that tells the classes of Fashion-MNIST apart.
    case convolutional = "fashion-mnist-cnn"
    /// The deep autoencoder of Martens & Grosse 2015.
    case autoencoder = "fashion-mnist-autoencoder"
    /// A recurrent network that reads the images row by row.
    case rows = "fashion-mnist-rows"
    /// A residual network for CIFAR-10, or for synthetic images.
    case residual = "resnet20"
    /// A physics-informed network that solves Poisson's equation.
    case poisson

    /// The kind of data that a problem learns from.
    enum DataKind {
        /// Images in the form of MNIST; by default Fashion-MNIST.
        case mnist
        /// Images in the form of CIFAR-10; by default synthetic ones.
        case cifar
        /// Points drawn at random.
        case points
    }

    var dataKind: DataKind {
        switch self {
        case .convolutional, .autoencoder, .rows: .mnist
        case .residual: .cifar
        case .poisson: .points
        }
    }
}

/// A default that depends on the problem, for the help.
func byProblem<Value>(_ value: (ProblemName) -> Value) -> String {
    let pairs = ProblemName.allCases.map { "\($0.rawValue) \(value($0))" }
    return "(default: \(pairs.joined(separator: ", ")))"
}

/// How the weights of the autoencoder begin.
enum InitializationName: String, CaseIterable, ExpressibleByArgument, Encodable {
    case xavier
    case sparse

    var initializer: Initializer {
        switch self {
        case .xavier: .xavierUniform()
        case .sparse: .sparse()
        }
    }
}
