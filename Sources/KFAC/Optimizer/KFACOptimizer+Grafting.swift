import Curvature
import Optimization
import Torch

extension KFACOptimizer {
    /// The step along the preconditioned mean gradient of each block, as long as Adam's step of that block.
    func graftedProposal(_ rule: GraftedDirection, _ pass: inout Pass) throws -> Proposal {
        try updateInverses(&pass.report)
        let (gradient, rate) = (pass.gradient, rule.learningRate(stepCount))
        return pass.report.time(.preconditioning) {
            var moments = momentsByParameter
            var means: [Tensor] = []
            var steps: [Tensor] = []
            for (parameter, gradient) in zip(parameters, gradient) {
                let (mean, step) = moments[parameter.tensor.id, default: GradientMoments(like: gradient)]
                    .advance(by: gradient, rule.moments)
                means.append(mean)
                steps.append(step)
            }
            var direction = preconditioner.apply(curvature.blocks, positions: blockPositions, to: means)
            for positions in grafted {
                let length = { (tensors: [Tensor]) in
                    positions.map { tensors[$0].dot(tensors[$0]) }.reduce(Tensor(0).to(gradient[0].dtype), +)
                        .squareRoot()
                }
                // The lengths stay on their device. Nothing has a length of zero but zero.
                let (own, wanted) = (length(direction), length(steps))
                let factor = Tensor.select(own .> 0, wanted / own, Tensor.zeros(like: own))
                for position in positions { direction[position] = direction[position] * factor }
            }
            return Proposal(
                velocities: [], direction: scaledByGroup(direction), scale: rate, learningRate: rate,
                momentum: rule.beta1, momentsByParameter: moments)
        }
    }

    /// The positions of the parameters that take one length together: those of a block, and each other one by itself.
    private var grafted: [[Int]] {
        let blocks = blockPositions.compactMap { $0 }.filter { !$0.isEmpty }
        let others = Set(parameters.indices).subtracting(blocks.joined())
        return blocks + others.sorted().map { [$0] }
    }
}
