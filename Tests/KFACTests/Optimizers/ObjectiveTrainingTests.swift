import TestSupport
import Testing
import Torch

@testable import Curvature
@testable import FirstOrder
@testable import KFAC
@testable import Optimization

/// Objectives that are not the likelihood are trained, by fixed rates and by the quadratic model alike.
@Suite struct ObjectiveTrainingTests {
    enum Objective: CaseIterable, Sendable {
        case policyGradient, focal, classWeights, exampleWeights, meanOverPositions, equation

        /// What is to fall to zero, and the loss of a step.
        struct Problem {
            let network: TestNetwork
            /// The loss of the next step, the same whenever it is run in that step.
            let nextLoss: () -> () -> Loss
            /// How far the network is from the best.
            let distance: () -> Double
        }

        func make() -> Problem {
            let network = TestNetwork([3, 8, 4], seed: 30) { $0.tanh() }
            let x = randomTensor([48, 3], seed: 31, in: -2..<2)
            let teacher = randomTensor([3, 4], seed: 32, in: -2..<2)
            let labels = x.matmul(teacher).argmax()
            func fixed(_ loss: @escaping () -> Loss) -> Problem {
                Problem(network: network, nextLoss: { loss }, distance: { loss().mean.scalar })
            }
            switch self {
            case .policyGradient:
                let rewards = x.matmul(teacher)
                let best = rewards.max(-1).mean()
                final class Dice { var generator = RandomGenerator(seed: 33) }
                let dice = Dice()
                return Problem(
                    network: network,
                    nextLoss: {
                        let policy = Categorical(logits: network(x))
                        let actions = policy.sample(using: &dice.generator)
                        let gained = rewards.elements(at: actions.expanded(at: 1), along: 1).squeezed(at: 1)
                        let advantages = gained - (policy.probabilities * rewards).sum(-1)
                        return {
                            let policy = Categorical(logits: network(x))
                            let surprise = policy.negativeLogLikelihood(of: actions)
                            return Loss(objective: advantages * surprise, curvature: policy)
                        }
                    },
                    distance: { (best - (network(x).softmax() * rewards).sum(-1).mean()).scalar })
            case .focal:
                return fixed {
                    let prediction = Categorical(logits: network(x))
                    let surprise = prediction.negativeLogLikelihood(of: labels)
                    return Loss(
                        objective: (1 - (-surprise).exp()).squared() * surprise, curvature: prediction,
                        targets: labels)
                }
            case .classWeights:
                let weights = Tensor([0.5, 2, 1, 4] as [Double])
                return fixed {
                    Loss(
                        Categorical(logits: network(x)), targets: labels, classWeights: weights,
                        reduction: .meanOverWeights)
                }
            case .exampleWeights:
                let weights = randomTensor([48], seed: 34, in: 0..<2)
                return fixed { Loss(Categorical(logits: network(x)), targets: labels, weights: weights) }
            case .meanOverPositions:
                let targets = Tensor.select(
                    randomTensor([8, 6], seed: 35) .> -0.3, labels.reshaped([8, 6]),
                    Tensor.full([8, 6], -100, dtype: .int64))
                return fixed {
                    Loss(
                        Categorical(logits: network(x.reshaped([8, 6, 3]))), targets: targets, ignoring: -100,
                        reduction: .meanOverPositions)
                }
            case .equation:
                // Outputs whose squares sum to 1 and whose first two are those of the teacher; the last is kept small.
                let wanted = x.matmul(teacher).softmax()[.all, 0..<2]
                let constant = Normal(mean: Tensor.zeros([1, 3], dtype: .float64))
                    .negativeLogLikelihood(of: Tensor.zeros([1, 3], dtype: .float64)).scalar
                func loss() -> Loss {
                    let z = network(x)
                    let residual = z.squared().sum(1, keepingAxes: true) - 1
                    let misfit = Tensor.concatenate([z[.all, 0..<2] - wanted, residual], axis: 1)
                    return Loss(Normal(mean: misfit), targets: Tensor.zeros([48, 3], dtype: .float64))
                        .adding(objective: z[.all, 3].squared().mean() * 0.1)
                }
                return Problem(
                    network: network, nextLoss: { loss }, distance: { loss().mean.scalar - constant })
            }
        }
    }

    @Test(
        arguments: Objective.allCases, [Estimation.sampled(), .exact, .empirical, .curvaturePropagation()])
    func fixedRatesTrain(_ objective: Objective, _ estimation: Estimation) throws {
        try expectTraining(
            objective, KFACOptimizer.Configuration(rule: .fixed(learningRate: 0.1), estimation: estimation), steps: 40)
    }

    @Test(arguments: Objective.allCases) func quadraticModelsAndAdaptiveDampingTrain(_ objective: Objective) throws {
        try expectTraining(
            objective,
            KFACOptimizer.Configuration(
                rule: .quadraticModel(), damping: .adaptive(LevenbergMarquardt(initial: 1, interval: 2)),
                estimation: .exact, inverses: .together(every: 1)),
            steps: 20)
    }

    private func expectTraining(
        _ objective: Objective, _ configuration: KFACOptimizer.Configuration, steps: Int
    ) throws {
        let problem = objective.make()
        let optimizer = KFACOptimizer(problem.network.parameters, configuration: configuration)
        let before = problem.distance()
        for _ in 0..<steps {
            let report = try optimizer.step(problem.nextLoss())
            #expect(report.guards.isEmpty, "\(report.guards)")
        }
        let after = problem.distance()
        #expect(after < before / 2, "\(before) to \(after)")
    }
}
