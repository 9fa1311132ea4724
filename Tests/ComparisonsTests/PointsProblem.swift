import Comparisons
import Datasets
import FirstOrder
import KFAC
import Torch
import Training

/// A plane through points, in double precision, begun where a generator says.
final class PointsProblem: Problem {
    let name = "points"
    let weight: Tensor
    let trainingCount = 12
    let testCount = 4
    /// The positions that were asked for, step by step.
    private(set) var dealt: [[Int]] = []

    init(using generator: inout RandomGenerator) {
        weight = generator.normal([1, 2], dtype: .float64).requiringGradient()
    }

    var parameters: [NamedParameter] { [NamedParameter("weight", weight)] }

    private func inputs(_ positions: Tensor) -> Tensor {
        let numbers = positions.to(.float64)
        return Tensor.stack([(numbers * 0.7).sin(), (numbers * 1.3).cos()], axis: 1)
    }

    func trainingBatch(at indices: Tensor) -> Tensor {
        dealt.append(indices.array(of: Int.self))
        return inputs(indices)
    }

    func part(_ range: Range<Int>, of batch: Tensor) -> Tensor { batch[range] }

    func loss(of batch: Tensor) -> Loss {
        Loss(Normal(mean: linear(batch, weight: weight)), targets: batch.matmul(target))
    }

    private let target = Tensor([2.0, -1] as [Double], shape: [2, 1])

    func evaluate(limit: Int?) -> Score {
        withoutGradients {
            let batch = inputs(Tensor((100..<100 + (limit ?? testCount)).map { Int($0) }))
            let difference = batch.matmul(weight.transposed()) - batch.matmul(target)
            let error = (difference * difference).mean().scalar
            return Score(examples: limit ?? testCount, loss: error / 2, error: error)
        }
    }
}

extension ComparisonMethod {
    /// Gradient descent whose learning rate is searched.
    static let sgd = ComparisonMethod(
        "sgd", optimizer: "sgd",
        options: [Option("learning-rate", .logUniform(from: 0.001, to: 1)), Option("momentum", .values(["0.5"]))])
    static let adam = ComparisonMethod(
        "adam", optimizer: "adam", options: [Option("learning-rate", .logUniform(from: 0.001, to: 1))])
    /// Gradient descent whose steps are far too long, half of the time.
    static let wild = ComparisonMethod(
        "wild", optimizer: "sgd", options: [Option("learning-rate", .values(["0.1", "1e300"]))])
}

extension ComparisonPlan {
    /// A small plan of the points.
    static func points(
        _ methods: [ComparisonMethod] = [.sgd, .adam], seeds: [UInt64] = [1, 2, 3],
        targets: [ComparisonTarget] = [.value(0.5), .final(of: "adam")]
    ) -> ComparisonPlan {
        ComparisonPlan(
            subject: Subject(problem: "points", parameters: 2, trainingExamples: 12, testExamples: 4),
            methods: methods, tuning: Tuning(trials: 3, steps: 6, seed: 7), steps: 10, seeds: seeds, batchSize: 5,
            evaluationPeriod: 4, metric: .testError, targets: targets)
    }
}

/// Makes problems and optimisers, and keeps what it made.
final class PointsMaker {
    private(set) var problems: [(run: ComparisonRun, initial: [Double], problem: PointsProblem)] = []
    private var initial: [Double] = []

    func comparison(_ plan: ComparisonPlan) -> Comparison {
        Comparison(
            plan: plan,
            problem: { generator in
                let problem = PointsProblem(using: &generator)
                self.initial = problem.weight.array(of: Double.self)
                return problem
            },
            optimizer: { run, problem, _ in
                self.problems.append((run, self.initial, problem as! PointsProblem))
                let rate = Double(run.settings.first { $0.name == "learning-rate" }!.value)!
                let momentum = run.settings.first { $0.name == "momentum" }.flatMap { Double($0.value) } ?? 0
                guard run.method != "adam" else {
                    return Adam(problem.parameters, configuration: .init(learningRate: .constant(rate)))
                }
                let optimizer = SGD(
                    problem.parameters, configuration: .init(learningRate: .constant(rate), momentum: momentum))
                // A run that fails is to do so within its few steps.
                optimizer.guards = .off
                return optimizer
            })
    }
}
