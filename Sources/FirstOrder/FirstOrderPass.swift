import Optimization
import Torch

/// The forward and backward pass that all first-order methods share.
///
/// - Returns: What is known of the step, and the gradient of each parameter; nil for frozen ones and for those that the
///   loss does not depend on.
func firstOrderPass(
    _ parameters: [NamedParameter], step: Int, learningRate: Double, momentum: Double, _ loss: () throws -> Loss
) throws -> (StepReport, [Tensor?]) {
    let movable = parameters.indices.filter { parameters[$0].tensor.requiresGradient }
    guard !movable.isEmpty else { throw OptimizerError.nothingToMove(parameters.map(\.name)) }
    let clock = ContinuousClock()
    let start = clock.now
    let mean = try checkingBatch(step: step, loss).mean
    let forward = start.duration(to: clock.now)
    var report = StepReport(step: step, lossTensor: mean.detached(), learningRate: learningRate, momentum: momentum)
    report.phases.append((.forward, forward.seconds))
    var gradients = [Tensor?](repeating: nil, count: parameters.count)
    report.time(.backward) {
        requireUnfrozen(movable.map { parameters[$0] }, in: "FirstOrderOptimizer.step")
        let reached = gradientsIfReached(of: [mean], withRespectTo: movable.map { parameters[$0].tensor })
        for (index, gradient) in zip(movable, reached) { gradients[index] = gradient }
    }
    return (report, gradients)
}

/// Ends the step if there is no gradient of any parameter.
func requireReached(_ gradients: [Tensor?], of parameters: [NamedParameter]) throws {
    guard gradients.allSatisfy({ $0 == nil }) else { return }
    let movable = parameters.filter(\.tensor.requiresGradient)
    guard !movable.isEmpty else { throw OptimizerError.nothingToMove(parameters.map(\.name)) }
    throw OptimizerError.unreachedParameters(movable.map(\.name))
}
