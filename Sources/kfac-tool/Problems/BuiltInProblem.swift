import ArgumentParser
import Torch
import Training

/// A problem of the command in one value, which help, defaults, checks and runs read.
///
/// A new one is a value beside those of ``all``, and a line in that list.
struct BuiltInProblem: Sendable {
    /// The name on the command line.
    let name: String
    /// The task and the network, in a line of the help.
    let summary: String
    /// How often to go through the training examples.
    let epochs: Int
    /// The number of examples of a step.
    let batchSize: Int
    /// The images; nil for a problem that draws its data itself.
    var images: ImageSource?
    /// Those of the options that only some problems have: "--augment".
    var options: Set<String> = []
    /// The initial learning rates of methods, by name, where their own do not serve best.
    var learningRates: [String: Double] = [:]
    /// The number of steps between inverses of methods, by name, where their own does not serve best.
    var inversePeriods: [String: Int] = [:]
    /// K-FAC's numbers.
    var kfac = KFACDefaults()
    /// Makes a model with initial parameters, which the generator draws, and the problem of training it.
    let make: @Sendable (ProblemSource, inout RandomGenerator) -> any Problem

    /// All problems, in the order of the help.
    static let all: [BuiltInProblem] = [convolutional, autoencoder, rows, residual, poisson]

    /// The names and summaries of all problems, a line for each.
    static var table: String {
        let width = all.map(\.name.count).max()! + 2
        return all.map { problem in
            "  \(problem.name)\(String(repeating: " ", count: width - problem.name.count))\(problem.summary)"
        }.joined(separator: "\n")
    }

    /// A default that depends on the problem, for the help.
    static func byProblem<Value>(_ value: (BuiltInProblem) -> Value) -> String {
        "(default: \(all.map { "\($0.name) \(value($0))" }.joined(separator: ", ")))"
    }

    /// The names of the problems that have an option, for the help.
    static func names(having option: String) -> String {
        all.filter { $0.options.contains(option) }.map(\.name).joined(separator: " or ")
    }
}

extension BuiltInProblem: ExpressibleByArgument, CustomStringConvertible {
    init?(argument: String) {
        guard let problem = Self.all.first(where: { $0.name == argument }) else { return nil }
        self = problem
    }

    static var allValueStrings: [String] { all.map(\.name) }
    static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

    /// The name.
    var description: String { name }
}
