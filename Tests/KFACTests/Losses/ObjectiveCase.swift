import Foundation
import KFAC
import TestSupport
import Torch

/// Losses that are more than a mean of −log p, beside the same objective and curvature written out.
enum ObjectiveCase: CaseIterable, Sendable {
    case exampleWeights, positionWeights, classWeights, ignoredTargets, maskAndWeights
    case meanOverPositions, meanOverWeights
    case policyGradient, focal, entropyBonus, physics, twoTerms

    /// What is minimised, twice.
    struct Made {
        /// As the library says it.
        let loss: Loss
        /// The mean, written out.
        let mean: Tensor
        /// The curvature of the sum of the losses with respect to the outputs of each position, [batch, time, 3, 3].
        let curvature: Tensor
        /// What divides sums.
        let normalizer: Double
    }

    /// Whether all curvature comes from one term of a categorical distribution.
    var isCategorical: Bool { self != .physics && self != .twoTerms }

    static let batch = 3
    static let time = 4

    /// Makes the loss of outputs [3, 4, 3].
    func make(_ z: Tensor) -> Made {
        let (p, logP) = (z.softmax(), z.logSoftmax())
        let fisher = (p.diagonalMatrix() - p.expanded(at: 3).matmul(p.expanded(at: 2))).detached()
        let surprise = -(logP * Self.classes.oneHot(classes: 3).to(.float64)).sum(-1)
        let distribution = Categorical(logits: z)
        func made(_ loss: Loss, weights: Tensor, _ normalizer: Double, objective: Tensor? = nil) -> Made {
            Made(
                loss: loss, mean: objective ?? (surprise * weights).sum() / normalizer,
                curvature: fisher * weights.reshaped([Self.batch, Self.time, 1, 1]), normalizer: normalizer)
        }
        switch self {
        case .exampleWeights:
            let weights = Tensor([2, 0.5, 0] as [Double])
            return made(
                Loss(distribution, targets: Self.classes, weights: weights),
                weights: weights.expanded(at: 1).broadcast(to: [3, 4]), 3)
        case .positionWeights:
            return made(
                Loss(distribution, targets: Self.classes, weights: Self.numbers), weights: Self.numbers, 3)
        case .classWeights:
            let weights = Tensor([0.3, 1, 2.5] as [Double])
            return made(
                Loss(distribution, targets: Self.classes, classWeights: weights),
                weights: weights.gathered(Self.classes.flattened()).reshaped([3, 4]), 3)
        case .ignoredTargets:
            let targets = Tensor.select(Self.mask, Self.classes, Tensor.full(like: Self.classes, -100))
            return made(
                Loss(distribution, targets: targets, ignoring: -100), weights: Self.mask.to(.float64), 3)
        case .maskAndWeights:
            let weights = Tensor([2, 0.5, 1] as [Double])
            return made(
                2 * Loss(distribution, targets: Self.classes, mask: Self.mask, weights: weights),
                weights: Self.mask.to(.float64) * weights.expanded(at: 1) * 2, 3)
        case .meanOverPositions:
            return made(
                Loss(distribution, targets: Self.classes, mask: Self.mask, reduction: .meanOverPositions),
                weights: Self.mask.to(.float64), 8)
        case .meanOverWeights:
            let weights = Self.numbers * Self.mask.to(.float64)
            return made(
                Loss(
                    distribution, targets: Self.classes, mask: Self.mask, weights: Self.numbers,
                    reduction: .meanOverWeights),
                weights: weights, weights.sum().scalar)
        case .policyGradient:
            let advantages = Self.numbers - 0.7
            return made(
                Loss(
                    objective: advantages * distribution.negativeLogLikelihoodPerPosition(of: Self.classes),
                    curvature: distribution),
                weights: Tensor.ones([3, 4], dtype: .float64), 3, objective: (surprise * advantages).sum() / 3)
        case .focal:
            // One of the eight positions has weight 0, and does not count.
            let objective = (1 - (-surprise).exp()).squared() * surprise
            return made(
                Loss(
                    objective: objective, curvature: distribution, mask: Self.mask, weights: Self.numbers,
                    reduction: .meanOverPositions),
                weights: Self.numbers * Self.mask.to(.float64), 7,
                objective: (objective * Self.numbers * Self.mask.to(.float64)).sum() / 7)
        case .entropyBonus:
            let entropy = -(p * logP).sum(-1)
            return made(
                Loss(distribution, targets: Self.classes).adding(objective: entropy.sum(-1) * -0.1),
                weights: Tensor.ones([3, 4], dtype: .float64), 3, objective: (surprise - entropy * 0.1).sum() / 3)
        case .physics:
            // A residual that is zero where an equation holds, and a penalty that has no curvature.
            let residual = z.squared() - Self.numbers.expanded(at: 2)
            let penalty = z[.all, 0].pow(4).mean()
            let slope = 2 * z.detached()
            return Made(
                loss: Loss(Normal(mean: residual, variance: 0.5), targets: Tensor.zeros(like: residual.detached()))
                    .adding(objective: penalty),
                mean: (residual.squared() + 0.5 * Foundation.log(.pi)).sum() / 3 + penalty,
                curvature: (slope.squared() * 2).diagonalMatrix(), normalizer: 3)
        case .twoTerms:
            // Means over other numbers of positions add up.
            let tokens = Loss(distribution, targets: Self.classes, mask: Self.mask, reduction: .meanOverPositions)
            let targets = randomTensor([3, 4, 3], seed: 75)
            let values = Loss(Normal(mean: z), targets: targets, weights: Tensor([1, 3, 0.5] as [Double]))
            let weights = Tensor([1, 3, 0.5] as [Double]).reshaped([3, 1, 1])
            let constant = 0.5 * Foundation.log(2 * .pi)
            return Made(
                loss: tokens + 0.3 * values.adding(objective: z.sum()),
                mean: (surprise * Self.mask.to(.float64)).sum() / 8
                    + ((((targets - z).squared() * 0.5 + constant) * weights).sum() / 3 + z.sum()) * 0.3,
                curvature: fisher * Self.mask.to(.float64).reshaped([3, 4, 1, 1])
                    + Tensor.identity(3, dtype: .float64) * weights.expanded(at: 3) * (0.3 * 8 / 3), normalizer: 8)
        }
    }

    /// Labels [3, 4] of three classes.
    private static let classes = Tensor([0, 1, 2, 1, 0, 0, 2, 2, 1, 0, 1, 2] as [Int], shape: [3, 4])
    /// Eight of twelve positions.
    private static let mask = Tensor(
        [true, true, false, true, false, true, false, false, true, true, true, true], shape: [3, 4])
    /// Positive numbers, but for one that is zero.
    private static let numbers = Tensor(
        [0.2, 1, 3, 0.7, 2, 0, 1.1, 0.4, 0.9, 1.6, 0.1, 2.2] as [Double], shape: [3, 4])
}
