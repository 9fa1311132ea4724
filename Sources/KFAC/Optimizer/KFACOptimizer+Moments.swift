import Optimization
import Torch

extension KFACOptimizer {
    /// The step by the moments of the gradient in the eigenbasis of each block.
    func momentsProposal(_ rule: EigenbasisMoments, _ pass: inout Pass) throws -> Proposal {
        try updateInverses(&pass.report)
        let (gradient, rate) = (pass.gradient, rule.learningRate(stepCount))
        return pass.report.time(.preconditioning) {
            let (directions, moments) = preconditioner.directions(
                curvature.blocks, positions: parameterPositions, for: gradient, by: rule)
            return Proposal(
                velocities: [], direction: scaledByGroup(directions), scale: rate, learningRate: rate,
                momentum: rule.beta1, moments: moments)
        }
    }

    /// For each block, where its parameters are among those that this step moves; nil for one that is not.
    var parameterPositions: [[Int?]] {
        let numbers = Dictionary(
            uniqueKeysWithValues: parameters.enumerated().map { ($0.element.tensor.id, $0.offset) })
        return curvature.blocks.map { block in block.parameters.map { numbers[$0.tensor.id] } }
    }
}
